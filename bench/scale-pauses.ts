import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Lab } from '../src/lab/lab.ts';
import type { Peer } from '../src/lab/peer.ts';
import type { BuiltProgram } from './built-program.ts';
import type { ClusterSize } from './changing-cluster.ts';
import type { Pause } from './pause-probe.ts';
import { type Load, startNamedAgent } from './scale-life.ts';
import { startStandIn } from './stand-in.ts';

const PROBE = join(import.meta.dirname, 'pause-import.ts');
const POLL_MS = 10;
const ANSWER_MS = 5_000;

export interface ScalePauses {
  /** From when the agent has started, loaded and compiled, until all is known. */
  readonly sync: Pause;
  readonly changes: Pause;
}

/** The longest work of an agent in one turn of its event loop, by a probe in the same process. */
export async function measureScalePauses(
  lab: Lab,
  scraper: Peer,
  built: BuiltProgram,
  size: ClusterSize,
  { changes, rate }: Load,
): Promise<ScalePauses> {
  const folder = mkdtempSync(join(tmpdir(), 'cw-bench-pauses-'));
  const path = join(folder, 'laps');
  writeFileSync(path, '');
  const standIn = await startStandIn(lab, size);
  try {
    const program = built.importing(PROBE, `BENCH_PAUSES=${path}`);
    const start = { lab, scraper, program, kubeconfig: standIn.kubeconfig };
    const agent = await startNamedAgent({ ...start, onStarted: (pid) => lap(pid, path) });
    const sync = await lap(agent.pid, path);
    await standIn.change(changes, rate);
    const pauses = { sync, changes: await lap(agent.pid, path) };
    await agent.end();
    return pauses;
  } finally {
    await standIn.close();
    rmSync(folder, { recursive: true });
  }
}

/** Asks the probe, and waits for its line. */
async function lap(pid: number, path: string): Promise<Pause> {
  const lines = () => readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const before = lines().length;
  process.kill(pid, 'SIGUSR2');
  const deadline = performance.now() + ANSWER_MS;
  while (lines().length === before) {
    if (performance.now() > deadline) throw new Error('the agent does not tell its pauses');
    await setTimeout(POLL_MS);
  }
  return JSON.parse(lines().at(-1)!);
}
