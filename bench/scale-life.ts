import { setTimeout } from 'node:timers/promises';
import { type AgentProgram, startAgent } from '../src/lab/agent-process.ts';
import type { Lab } from '../src/lab/lab.ts';
import type { Peer } from '../src/lab/peer.ts';
import { type ClusterSize, NODE } from './changing-cluster.ts';
import { cpuBetween, processCpu, untilQuiet } from './cpu.ts';
import { peakResidentKiB, residentKiB } from './resident.ts';
import { startStandIn, type Traffic, trafficBetween } from './stand-in.ts';

const SYNC_MS = 120_000;
const POLL_MS = 20;
/** V8 collects what the lists have left some seconds after them. */
const SETTLE_MS = 10_000;
/** Services, EndpointSlices, pods. */
const RESOURCES = 3;

/** What is done with each of those that follow a cluster. */
export interface Load {
  /** A second. */
  readonly rate: number;
  readonly warmUpChanges: number;
  readonly changes: number;
  readonly idleSeconds: number;
}

/** Somebody who follows the cluster: the agent, or the client library's informer. */
export interface Follower {
  readonly pid: number;
  end(): Promise<void>;
}

/** Resolves when all is known. */
export type StartFollower = (kubeconfig: string) => Promise<Follower>;

/** One follower, from its start. Memory in KiB, CPU in ms. */
export interface Life {
  readonly size: ClusterSize;
  readonly syncedMs: number;
  readonly syncCpuMs: number;
  /** From the first list asked for to the last one answered. */
  readonly listMs: number;
  readonly peakKiB: number;
  readonly syncedKiB: number;
  readonly changedKiB: number;
  readonly changedPeakKiB: number;
  readonly idleCpuMs: number;
  readonly idleMs: number;
  readonly changesCpuMs: number;
  /** As long as the changes took. */
  readonly changesMs: number;
  readonly lists: Traffic['of'];
  readonly watches: Traffic['of'];
}

/** Starts a cluster, lets somebody follow it, and changes it. */
export async function live(lab: Lab, size: ClusterSize, load: Load, start: StartFollower): Promise<Life> {
  const { rate, warmUpChanges, changes, idleSeconds } = load;
  const standIn = await startStandIn(lab, size);
  try {
    const startedAt = performance.now();
    const follower = await start(standIn.kubeconfig);
    const syncedMs = performance.now() - startedAt;
    const { exactMs: syncCpuMs } = processCpu(follower.pid);
    const peakKiB = peakResidentKiB(follower.pid);
    await untilQuiet(follower.pid);
    const syncedKiB = residentKiB(follower.pid);
    const lists = await standIn.traffic();
    if (lists.watches !== RESOURCES) throw new Error(`${lists.watches} watches are open, not ${RESOURCES}`);
    await setTimeout(SETTLE_MS);
    const atRest = processCpu(follower.pid);
    await setTimeout(idleSeconds * 1000);
    const idle = cpuBetween(atRest, processCpu(follower.pid));
    if (warmUpChanges > 0) await standIn.change(warmUpChanges, rate);
    const before = await untilQuiet(follower.pid);
    const warm = await standIn.traffic();
    const changesBegin = performance.now();
    await standIn.change(changes, rate);
    const changesMs = performance.now() - changesBegin;
    const after = await untilQuiet(follower.pid);
    const end = await standIn.traffic();
    const life = {
      size,
      syncedMs,
      syncCpuMs,
      listMs: lists.listMs,
      peakKiB,
      syncedKiB,
      changedKiB: residentKiB(follower.pid),
      changedPeakKiB: peakResidentKiB(follower.pid),
      idleCpuMs: idle.exactMs,
      idleMs: idleSeconds * 1000,
      changesCpuMs: cpuBetween(before, after).exactMs,
      changesMs,
      lists: lists.of,
      watches: trafficBetween(warm, end),
    };
    await follower.end();
    return life;
  } finally {
    await standIn.close();
  }
}

export interface AgentStart {
  readonly lab: Lab;
  readonly scraper: Peer;
  readonly program: AgentProgram;
  readonly kubeconfig: string;
  /** It has begun to watch; names may not all be there. */
  readonly onStarted?: (pid: number) => Promise<unknown>;
}

/** The agent; with names of all three resources when it resolves. */
export async function startNamedAgent(start: AgentStart): Promise<Follower> {
  const { lab, scraper, program, kubeconfig } = start;
  const options = ['--node-name', NODE, '--topology', 'kubernetes', '--kubeconfig', kubeconfig];
  const agent = await startAgent(lab.node, options, program);
  await start.onStarted?.(agent.pid);
  const deadline = performance.now() + SYNC_MS;
  // By its log, so that nobody asks while it works; then once more by what Kubernetes asks.
  while (agent.lines.filter(({ event }) => event === 'topology_synced').length < RESOURCES) {
    if (performance.now() > deadline) throw new Error('the agent never knew the cluster');
    await setTimeout(POLL_MS);
  }
  const { status, body } = await scraper.httpGet({ url: `${agent.url}/readyz` });
  if (status !== 200) throw new Error(`the agent has synced but is not ready: ${body.trim()}`);
  return {
    pid: agent.pid,
    async end() {
      const exit = await agent.stop();
      if (exit !== 0) throw new Error(`the agent ended with ${exit}: ${agent.stderr().trim()}`);
    },
  };
}
