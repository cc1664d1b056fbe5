import type { Lab } from '../src/lab/lab.ts';
import type { Peer } from '../src/lab/peer.ts';
import { cpuBetween, type ProcessCpu, untilQuiet } from './cpu.ts';
import { makeEntries } from './entries.ts';
import { eventQueue, untilDrained } from './event-queue.ts';
import { type Heard, type ListenerName, startListener } from './listener.ts';
import { residentKiB } from './resident.ts';

/** Who listens to a flush. The small buffer shows that what is lost is known to the last message. */
export const FLUSH_CASES = [
  { name: 'agent', listener: 'agent', options: [] },
  { name: 'conntrack -E', listener: 'conntrack -E', options: [] },
  { name: 'agent, 256Ki buffer', listener: 'agent', options: ['--receive-buffer', '256Ki'] },
] as const satisfies readonly { name: string; listener: ListenerName; options: readonly string[] }[];
export type FlushCase = (typeof FLUSH_CASES)[number];

export interface Flush {
  readonly name: FlushCase['name'];
  readonly entries: number;
  /** Of the flush alone. */
  readonly received: number;
  readonly dropped: number;
  readonly cpu: ProcessCpu;
  /** Making the entries and flushing them: conntrack -E hears of both. */
  readonly loadAndFlushCpu: ProcessCpu;
  /** From the start of `conntrack -F` until the listener had read the last message. */
  readonly wallMs: number;
  /** What `conntrack -F` itself took: a listener that reads at the same time slows it down. */
  readonly flushMs: number;
  readonly residentKiB: readonly [before: number, after: number];
  readonly heard: Heard;
}

/** Makes the entries, lets them be lost, and looks at the listener all the while. */
export async function measureFlush(
  lab: Lab,
  scraper: Peer,
  each: FlushCase,
  entries: number,
): Promise<Flush> {
  await lab.flush();
  const listener = await startListener(each.listener, lab, scraper, each.options);
  const { pid } = listener;
  const atStart = await untilQuiet(pid);
  const residentBefore = residentKiB(pid);
  // Only now: entries made while nobody listens send no event when they go (nf_conntrack_events=2).
  await makeEntries(lab, entries);
  await untilDrained(pid);
  const loaded = await untilQuiet(pid);
  const droppedBefore = eventQueue(pid)!.drops;

  const startedAt = performance.now();
  await lab.flush();
  const flushMs = performance.now() - startedAt;
  await untilDrained(pid);
  const wallMs = performance.now() - startedAt;
  const flushed = await untilQuiet(pid);
  const dropped = eventQueue(pid)!.drops - droppedBefore;
  return {
    name: each.name,
    entries,
    received: entries - dropped,
    dropped,
    cpu: cpuBetween(loaded, flushed),
    loadAndFlushCpu: cpuBetween(atStart, flushed),
    wallMs,
    flushMs,
    residentKiB: [residentBefore, residentKiB(pid)],
    heard: await listener.end(),
  };
}
