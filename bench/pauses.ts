import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { NODE_OPTIONS } from '../src/lab/agent-process.ts';
import type { Lab } from '../src/lab/lab.ts';
import { spawnIn } from '../src/lab/namespace.ts';
import type { PauseMessage } from './pause-child.ts';
import type { Pause } from './pause-probe.ts';

const PROGRAM = join(import.meta.dirname, 'pause-child.ts');
const INTERVAL_MS = 1_000;
const ANSWER_MS = 20_000;
/** The start of both is over: compiled, collected. */
const CALM_MS = 500;

/** The pauses of one process during each of its snapshots, and of an idle one in the same time. */
export interface Pauses {
  readonly first: Pause;
  readonly later: readonly Pause[];
  readonly idle: readonly Pause[];
}

/** Starts both, each with the options of the agent, and ends them. */
export async function measurePauses(
  lab: Lab,
  entries: number,
  laterSnapshots: number,
  protect: 'off' | 'renew' = 'off',
): Promise<Pauses> {
  const children: ChildProcess[] = [];
  const start = async (args: readonly string[]) => {
    const child = spawnIn(lab.node, process.execPath, [...NODE_OPTIONS, PROGRAM, ...args], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, MALLOC_ARENA_MAX: '1' },
    });
    children.push(child);
    await next(child, 'ready');
    return child;
  };
  try {
    const busy = await start([String(INTERVAL_MS), protect]);
    const idle = await start([]);
    const lapOfIdle = async () => {
      idle.send('lap');
      return (await next(idle, 'pause')).pause;
    };
    await setTimeout(CALM_MS);
    await lapOfIdle();
    busy.send('begin');
    const pauses: Pause[] = [];
    const idlePauses: Pause[] = [];
    while (pauses.length < laterSnapshots + 1) {
      const { pause, flows } = await next(busy, 'pause');
      if (flows !== entries) throw new Error(`a snapshot has ${flows} of ${entries} entries`);
      pauses.push(pause);
      idlePauses.push(await lapOfIdle());
    }
    const [first, ...later] = pauses;
    return { first: first!, later, idle: idlePauses };
  } finally {
    for (const child of children) await end(child);
  }
}

async function next<K extends PauseMessage['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<PauseMessage, { kind: K }>> {
  const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })) as [
    PauseMessage,
  ];
  if (message.kind !== kind) throw new Error('a process whose pauses are taken is out of step');
  return message as Extract<PauseMessage, { kind: K }>;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}
