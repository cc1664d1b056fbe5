import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { NODE_OPTIONS, PROGRAM } from '../src/lab/agent-process.ts';
import { processCpu } from './cpu.ts';
import { makeRecording, type RecordingFile } from './recording.ts';
import { judge } from './requirements.ts';
import { peakResidentKiB } from './resident.ts';
import type { Comparison, Section } from './section.ts';
import { median } from './statistics.ts';
import { count } from './text-table.ts';

/** The first CPU; every thread of the program is held there. */
const ON_ONE_CORE = ['taskset', '-c', '0'];
const LOOK_MS = 20;

interface Sample {
  readonly name: string;
  readonly lines: number;
  readonly wallMs: number;
  /** As it was seen last, which is up to 20 ms before the end. */
  readonly cpuMs: number;
  readonly peakMiB: number;
}

const PLAIN = 'replay';
const SMALL = 'replay, a small file';
const OLD = 'replay, DESTROY without a state';
const GREP = 'grep -cE';

/** (i) Reading a recording: lines a second on one core, and memory, which is not to grow with the file. */
export const compareReplay: Comparison = async ({ replay: { lines, fewLines, rounds } }, progress) => {
  const samples: Sample[] = [];
  for (const [name, size] of [
    [PLAIN, lines],
    [SMALL, fewLines],
    [OLD, lines],
  ] as const) {
    progress(`${name}: writing ${count(size)} lines`);
    const file = makeRecording(size, name === OLD);
    try {
      for (let round = 1; round <= rounds; round++) {
        progress(`${name}, ${round} of ${rounds}`);
        samples.push(await measureReplay(name, file));
        if (name === PLAIN) samples.push(await measureGrep(file));
      }
    } finally {
      file.close();
    }
  }
  return section(samples);
};

/** Fails if it does not find exactly the breaks. */
async function measureReplay(name: string, file: RecordingFile): Promise<Sample> {
  const command = [process.execPath, ...NODE_OPTIONS, PROGRAM, 'replay', '--json', file.path];
  const { stdout, ...used } = await run(command);
  const found = stdout.split('\n').length - 1;
  if (found !== file.broken) throw new Error(`${name} found ${found} of ${file.broken} breaks`);
  return { name, lines: file.lines, ...used };
}

/** What people do without it: pickups, counted. */
async function measureGrep(file: RecordingFile): Promise<Sample> {
  const { stdout, ...used } = await run(['grep', '-cE', 'NEW.* ESTABLISHED .*UNREPLIED', file.path]);
  if (Number(stdout) !== file.broken) throw new Error(`grep found ${stdout} of ${file.broken} pickups`);
  return { name: GREP, lines: file.lines, ...used };
}

async function run(command: readonly string[]) {
  const begin = performance.now();
  const [executable = '', ...args] = [...ON_ONE_CORE, ...command];
  const child = spawn(executable, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = child.pid!;
  let cpuMs = 0;
  let peakMiB = 0;
  const look = setInterval(() => {
    try {
      cpuMs = processCpu(pid).exactMs;
      peakMiB = peakResidentKiB(pid) / 1024;
    } catch {
      // It has just ended.
    }
  }, LOOK_MS);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const [status] = await once(child, 'close');
  clearInterval(look);
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}`);
  return { stdout, wallMs: performance.now() - begin, cpuMs, peakMiB };
}

function section(samples: readonly Sample[]): Section {
  const of = (name: string) => samples.filter((sample) => sample.name === name);
  const middle = (name: string, figure: (sample: Sample) => number) => median(of(name).map(figure));
  const perLine = (name: string) => middle(name, ({ wallMs, lines }) => (wallMs * 1000) / lines);
  const peak = (name: string) => middle(name, ({ peakMiB }) => peakMiB);
  return {
    id: 'i',
    title: `A recording of ${count(of(PLAIN)[0]!.lines)} lines read on one core, medians of ${of(PLAIN).length}`,
    rows: [
      ['', 'lines', 'lines/s', 'us/line', 'CPU ms', 'wall ms', 'peak MiB'],
      ...[PLAIN, OLD, SMALL, GREP].map((name) => [
        name,
        count(of(name)[0]!.lines),
        count(1e6 / perLine(name)),
        perLine(name).toFixed(2),
        count(middle(name, ({ cpuMs }) => cpuMs)),
        count(middle(name, ({ wallMs }) => wallMs)),
        peak(name).toFixed(0),
      ]),
    ],
    notes: [
      'With the start of the program, which is most of the time for the small file. One connection in a thousand breaks,',
      'and replay must find each; grep only counts the pickups. Without a state (Linux before 5.11) every end of a',
      'connection may be a loss, and is kept.',
    ],
    verdicts: [
      judge('replayLine', Math.max(perLine(PLAIN), perLine(OLD))),
      judge('replayMemory', peak(PLAIN) / peak(SMALL)),
    ],
    data: samples,
  };
}
