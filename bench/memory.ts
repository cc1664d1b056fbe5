import { setTimeout } from 'node:timers/promises';
import { createLab, type Lab } from '../src/lab/lab.ts';
import { type Peer, startPeer } from '../src/lab/peer.ts';
import { untilQuiet } from './cpu.ts';
import { makeEntries } from './entries.ts';
import { judge } from './requirements.ts';
import { residentKiB } from './resident.ts';
import type { Comparison, Section } from './section.ts';
import type { Settings } from './settings.ts';
import { median } from './statistics.ts';
import { startTableAgent, type TableAgent } from './table-agent.ts';
import { raiseTableLimit } from './table-limit.ts';
import { count } from './text-table.ts';

/** Long enough for the agent to come to rest in between. */
const INTERVAL_MS = 2_000;
const TIMEOUT_MS = 120_000;
/** A node's limit is above what it has. */
const ROOM = 1.2;
/** Of the kernel's kB, which have 1024 bytes. */
const KB_PER_MB = 1000;

/** One agent, from its start beside an empty table. */
interface Growth {
  readonly entries: number;
  readonly emptyKiB: number;
  readonly firstKiB: number;
  readonly fullKiB: number;
  readonly fillSeconds: number;
}

/** (f) What the agent keeps in memory. */
export const measureMemory: Comparison = async ({ memory }, progress) => {
  const { entries, manyEntries, snapshots, rounds } = memory;
  const limit = raiseTableLimit(manyEntries * ROOM);
  const samples: Growth[] = [];
  try {
    const lab = await createLab({ family: 4, rules: 'iptables', backends: 8 });
    try {
      const scraper = await startPeer(lab.node);
      for (let round = 1; round <= rounds; round++) {
        for (const size of [entries, manyEntries]) {
          progress(`agent ${round} of ${rounds} with ${count(size)} entries`);
          samples.push(await grow(lab, scraper, size, snapshots));
        }
      }
    } finally {
      await lab.close();
    }
  } finally {
    limit.restore();
  }
  return section(memory, samples);
};

async function grow(lab: Lab, scraper: Peer, entries: number, snapshots: number): Promise<Growth> {
  await lab.flush();
  const agent = await startTableAgent(lab, scraper, INTERVAL_MS);
  const emptyKiB = await restingKiB(agent);
  const startedAt = performance.now();
  await makeEntries(lab, entries);
  const fillSeconds = (performance.now() - startedAt) / 1000;
  const { complete } = await untilSnapshots(agent, ({ flows }) => flows === entries);
  const firstKiB = residentKiB(agent.pid);
  const enough = complete + snapshots - 1;
  const { flows } = await untilSnapshots(agent, (now) => now.complete >= enough);
  if (flows !== entries) throw new Error(`a snapshot has ${flows} of ${entries} entries`);
  const fullKiB = await restingKiB(agent);
  await agent.end();
  await lab.flush();
  return { entries, emptyKiB, firstKiB, fullKiB, fillSeconds };
}

type Snapshots = Awaited<ReturnType<TableAgent['snapshots']>>;

async function untilSnapshots(
  agent: TableAgent,
  isTrue: (snapshots: Snapshots) => boolean,
): Promise<Snapshots> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const snapshots = await agent.snapshots();
    if (isTrue(snapshots)) return snapshots;
    if (performance.now() > deadline) throw new Error('the agent takes no complete snapshots');
    await setTimeout(INTERVAL_MS / 2);
  }
}

async function restingKiB({ pid }: TableAgent): Promise<number> {
  await untilQuiet(pid);
  return residentKiB(pid);
}

function section(
  { entries, manyEntries, snapshots }: Settings['memory'],
  samples: readonly Growth[],
): Section {
  const sizes = [entries, manyEntries];
  const middle = (size: number, figure: (sample: Growth) => number) =>
    median(samples.filter((sample) => sample.entries === size).map(figure));
  const full = sizes.map((size) => middle(size, ({ fullKiB }) => fullKiB));
  const empty = median(samples.map(({ emptyKiB }) => emptyKiB));
  // Under want of memory the kernel takes pages of the program's file from it, so less may be luck.
  const largest = sizes.map((size) =>
    Math.max(...samples.filter((sample) => sample.entries === size).map(({ fullKiB }) => fullKiB)),
  );
  const flowBytes = ((full[1]! - full[0]!) * 1024) / (manyEntries - entries);
  return {
    id: 'f',
    title: `Resident memory of the agent (VmRSS, MB of 1000 kB), medians of ${samples.length / sizes.length}`,
    rows: [
      ['flows', 'empty table', 'first snapshot', `after ${snapshots}`, 'smallest', 'largest', 'bytes/flow'],
      ...sizes.map((size, i) => {
        const all = samples.filter((sample) => sample.entries === size).map(({ fullKiB }) => fullKiB);
        return [
          count(size),
          ...[
            middle(size, ({ emptyKiB }) => emptyKiB),
            middle(size, ({ firstKiB }) => firstKiB),
            full[i]!,
            Math.min(...all),
            largest[i]!,
          ].map(megabytes),
          (((full[i]! - empty) * 1024) / size).toFixed(0),
        ];
      }),
    ],
    notes: [
      `Each agent starts beside an empty table, then the entries are made. Bytes per flow above are of what it has more`,
      `than with an empty table, buffers and garbage too; from one size to the other it is ${flowBytes.toFixed(0)} a flow.`,
      `Making ${count(manyEntries)} entries took ${middle(manyEntries, ({ fillSeconds }) => fillSeconds).toFixed(0)} s.`,
    ],
    verdicts: [judge('memory', largest[0]! / KB_PER_MB), judge('manyMemory', largest[1]! / KB_PER_MB)],
    data: { samples, flowBytes },
  };
}

function megabytes(kiB: number): string {
  return (kiB / KB_PER_MB).toFixed(1);
}
