import { setTimeout } from 'node:timers/promises';
import type { Lab } from '../src/lab/lab.ts';
import { exec } from '../src/lab/namespace.ts';
import type { Peer } from '../src/lab/peer.ts';
import { cpuBetween, type ProcessCpu, processCpu, untilQuiet } from './cpu.ts';
import type { Progress } from './section.ts';
import { startTableAgent } from './table-agent.ts';

/** Room between two snapshots of the agent for one listing by conntrack, which must not meet them. */
const INTERVAL_MS = 4_000;
const POLL_MS = 50;
/** No snapshot takes less of the CPU; looks at settings and collecting garbage do. */
const LEAST_ENTRY_MS = 0.0004;
const TIMEOUT_MS = 30_000;

/** `conntrack -L` as one process: what it cost, by its parent's account of its children. */
export interface Listing {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** One snapshot of the agent, and the listing right before it. */
export interface Round {
  readonly listing: Listing;
  /** Of the whole process, all threads, from rest to rest. */
  readonly cpu: ProcessCpu;
  /** As the agent says. */
  readonly wallMs: number;
}

/** Lets the agent and `conntrack -L` read the same table by turns. */
export async function measureSnapshots(
  lab: Lab,
  scraper: Peer,
  entries: number,
  rounds: number,
  progress: Progress,
): Promise<Round[]> {
  const agent = await startTableAgent(lab, scraper, INTERVAL_MS);
  const samples: Round[] = [];
  // What the start left to do, and the first snapshot, are in none of the samples.
  await untilQuiet(agent.pid);
  let before = (await agent.snapshots()).complete;
  await setTimeout(POLL_MS);
  while (samples.length < rounds) {
    progress(`reading ${samples.length + 1} of ${rounds} by conntrack -L and by the agent`);
    const cpuBefore = processCpu(agent.pid);
    const listing = await list(lab, entries);
    const cpu = cpuBetween(cpuBefore, await untilSnapshotOver(agent.pid, cpuBefore, entries));
    const { complete, flows, durationMs } = await agent.snapshots();
    if (flows !== entries) throw new Error(`a snapshot has ${flows} of ${entries} entries`);
    const taken = complete - before;
    before = complete;
    if (taken < 1) throw new Error('the agent was at work, and took no snapshot');
    const each = { statMs: cpu.statMs / taken, exactMs: cpu.exactMs / taken };
    samples.push({ listing, cpu: each, wallMs: durationMs });
    await setTimeout(POLL_MS);
  }
  await agent.end();
  return samples;
}

/** `conntrack -L >/dev/null`; what it says on stderr proves that it read everything. */
async function list(lab: Lab, entries: number): Promise<Listing> {
  const script = "TIMEFORMAT='cpu %3U %3S wall %3R'; { time conntrack -L >/dev/null; } 2>&1";
  const said = await exec(lab.node, 'bash', ['-c', script]);
  const { shown, ...listing } = parseListing(said);
  // The scraper's own connections are in it.
  if (!(shown >= entries)) throw new Error(`conntrack -L has shown ${shown} of ${entries} entries`);
  return listing;
}

/** What conntrack says at its end, and the shell about it. */
export function parseListing(said: string): Listing & { readonly shown: number } {
  const shown = Number(/: (\d+) flow entries have been shown/.exec(said)?.[1]);
  const [, user, system, wall] = /^cpu (\S+) (\S+) wall (\S+)$/m.exec(said) ?? [];
  return { shown, cpuMs: (Number(user) + Number(system)) * 1000, wallMs: Number(wall) * 1000 };
}

/** Returns the CPU time at the rest after it. */
async function untilSnapshotOver(pid: number, since: ProcessCpu, entries: number): Promise<ProcessCpu> {
  const deadline = performance.now() + TIMEOUT_MS;
  const atWorkMs = entries * LEAST_ENTRY_MS;
  while (cpuBetween(since, processCpu(pid)).exactMs < atWorkMs) {
    if (performance.now() > deadline) throw new Error('the agent takes no snapshots');
    await setTimeout(POLL_MS);
  }
  return await untilQuiet(pid);
}
