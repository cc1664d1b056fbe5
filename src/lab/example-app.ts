import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Lab } from './lab.ts';
import { startPeer } from './peer.ts';
import type { SettledConnection } from './peer-protocol.ts';

export interface ExampleAppOptions {
  readonly lab: Lab;
  readonly connections: number;
  readonly idleMs: number;
  /** What it says goes to this file, a line at a time. */
  readonly logFile: string;
  /** Seconds of TCP_KEEPIDLE, or `off`: read anew before each round. */
  readonly keepaliveFile: string;
}

const ANSWER_MS = 3000;
/** What an application on Linux is told of an error of its socket. */
const MESSAGES: Readonly<Record<string, string>> = {
  ECONNRESET: 'read: connection reset by peer',
  EPIPE: 'write: broken pipe',
};

/**
 * An application as they are found in the field: it keeps a pool of connections to a Service, uses them now and then,
 * and is surprised. In rounds: connect, idle, ask on each. Ends with the signal, or with an error of the lab.
 */
export async function runExampleApp(options: ExampleAppOptions, stop: AbortSignal): Promise<void> {
  const { lab, connections: count, idleMs } = options;
  const { ip: host, port } = lab.service;
  const say = (text: string) =>
    appendFileSync(options.logFile, `${new Date().toISOString()} checkout: ${text}\n`);
  const client = await startPeer(lab.clients[0]!);
  for (let round = 1; !stop.aborted; round++) {
    const setting = readFileSync(options.keepaliveFile, 'utf8').trim();
    const keepalive = setting === 'off' ? {} : { keepaliveSeconds: Number(setting) };
    await client.connect({ host, port, count, ...keepalive });
    say(
      `${count} connections to redis (${host}:${port}), keepalive ${setting === 'off' ? 'off' : `${setting} s`}`,
    );
    await setTimeout(idleMs, undefined, { signal: stop });
    await client.send();
    const { details } = await client.settle({ timeoutMs: ANSWER_MS });
    for (const each of details) say(`connection from port ${each.localPort}: ${resultOf(each)}`);
    await client.closeAll();
    say(`round ${round} is over`);
  }
}

function resultOf({ outcome, errorCode }: SettledConnection): string {
  if (outcome === 'answered') return 'ok';
  return MESSAGES[errorCode ?? ''] ?? `no answer (${errorCode ?? outcome})`;
}
