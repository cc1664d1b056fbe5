import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Lines of an ordinary connection, from its SYN to the end of its entry. */
const LINES_OF_ONE = 7;
/** Every so many connections one loses its entry and is reset. */
const BREAK_EVERY = 1000;
const BLOCK = 1000;

/** A recording on disk; `close` removes it. */
export interface RecordingFile {
  readonly path: string;
  readonly lines: number;
  readonly bytes: number;
  readonly broken: number;
  close(): void;
}

/**
 * Writes what `conntrack -E -o timestamp,id` prints of short connections through Services, ten thousand events a
 * second, with one break in a thousand connections. `oldKernel`: as Linux 5.10 has it, without a state in DESTROY.
 */
export function makeRecording(lines: number, oldKernel: boolean): RecordingFile {
  const folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-bench-'));
  const path = join(folder, 'events.txt');
  const file = openSync(path, 'w');
  let bytes = 0;
  let written = 0;
  let broken = 0;
  let block: string[] = [];
  const flush = () => {
    bytes += writeSync(file, block.join(''));
    block = [];
  };
  const add = (type: string, rest: string) => {
    const seconds = 1_795_000_000 + written++ / 10_000;
    block.push(`[${seconds.toFixed(6)}]\t${`[${type}]`.padStart(9)} tcp      6 ${rest}\n`);
  };
  for (let i = 0; written < lines; i++) {
    const client = `10.244.${i % 50}.${i % 200}`;
    const port = 20_000 + (i % 40_000);
    const original = `src=${client} dst=10.96.${i % 7}.${i % 100} sport=${port} dport=80`;
    const replyOf = (backend: string) => `src=${backend} dst=${client} sport=8080 dport=${port}`;
    const reply = replyOf(`10.244.${60 + (i % 40)}.${i % 250}`);
    const open = `${original} ${reply} [ASSURED] id=${i}`;
    const state = (text: string) => (oldKernel ? '' : text);
    add('NEW', `120 SYN_SENT ${original} [UNREPLIED] ${reply} id=${i}`);
    add('UPDATE', `60 SYN_RECV ${original} ${reply} id=${i}`);
    add('UPDATE', `86400 ESTABLISHED ${open}`);
    if (i % BREAK_EVERY === 0) {
      const picked = `${original} [UNREPLIED] ${replyOf('10.244.9.9')} id=${i}`;
      add('DESTROY', `${state('86399 ESTABLISHED ')}${open} [USERSPACE] portid=4711 progname=conntrack`);
      add('NEW', `300 ESTABLISHED ${picked}`);
      add('DESTROY', `${state('300 CLOSE ')}${picked}`);
      broken++;
    } else {
      add('UPDATE', `120 FIN_WAIT ${open}`);
      add('UPDATE', `30 LAST_ACK ${open}`);
      add('UPDATE', `120 TIME_WAIT ${open}`);
      add('DESTROY', `${state('TIME_WAIT ')}${open}`);
    }
    if (block.length >= BLOCK * LINES_OF_ONE) flush();
  }
  flush();
  closeSync(file);
  return { path, lines: written, bytes, broken, close: () => rmSync(folder, { recursive: true }) };
}
