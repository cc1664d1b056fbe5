import { createLab } from '../src/lab/lab.ts';
import { startPeer } from '../src/lab/peer.ts';
import { makeEntries } from './entries.ts';
import type { Pause } from './pause-probe.ts';
import { measurePauses, type Pauses } from './pauses.ts';
import { judge } from './requirements.ts';
import type { Comparison, Section } from './section.ts';
import { measureSnapshots, type Round } from './snapshot-cpu.ts';
import { median } from './statistics.ts';
import { count, ms, plain } from './text-table.ts';

/** (e) Reading the whole table: what it costs, and how long nothing else can be done meanwhile. */
export const compareSnapshot: Comparison = async ({ snapshot }, progress) => {
  const { entries, rounds, processes, laterSnapshots } = snapshot;
  const lab = await createLab({ family: 4, rules: 'iptables', backends: 8 });
  try {
    const scraper = await startPeer(lab.node);
    progress(`making ${count(entries)} entries`);
    await makeEntries(lab, entries);
    const samples = await measureSnapshots(lab, scraper, entries, rounds, progress);
    const pauses: Pauses[] = [];
    for (let i = 1; i <= processes; i++) {
      progress(`pauses of process ${i} of ${processes}: ${laterSnapshots + 1} snapshots`);
      pauses.push(await measurePauses(lab, entries, laterSnapshots));
    }
    return section(entries, samples, pauses);
  } finally {
    await lab.close();
  }
};

function section(entries: number, samples: readonly Round[], pauses: readonly Pauses[]): Section {
  const agent = {
    stat: samples.map(({ cpu }) => cpu.statMs),
    exact: samples.map(({ cpu }) => cpu.exactMs),
    wall: samples.map(({ wallMs }) => wallMs),
  };
  const listing = {
    cpu: samples.map((round) => round.listing.cpuMs),
    wall: samples.map((round) => round.listing.wallMs),
  };
  // The counters differ by rounding only; the one that is worse for the agent decides.
  const ratio = Math.max(median(agent.stat), median(agent.exact)) / median(listing.cpu);
  const byRound = median(samples.map(({ cpu, listing: { cpuMs } }) => cpu.exactMs / cpuMs));
  const first = pauses.map((each) => each.first);
  const later = pauses.flatMap((each) => each.later);
  const idle = pauses.flatMap((each) => each.idle);
  const work = Math.max(...[...first, ...later].map(workOf));
  return {
    id: 'e',
    title: `One reading of a table of ${count(entries)} established entries, by turns`,
    rows: [
      ['', 'times', 'median', 'smallest', 'largest'],
      row('CPU ms, agent', agent.exact),
      row('CPU ms, conntrack -L', listing.cpu),
      row('wall ms, agent', agent.wall),
      row('wall ms, conntrack -L', listing.wall),
      row('pause ms, first snapshot', first.map(wallOf)),
      row('pause ms, later ones', later.map(wallOf)),
      row('pause ms, idle process meanwhile', idle.map(wallOf)),
      row('work ms in one turn, first snapshot', first.map(workOf)),
      row('work ms in one turn, later ones', later.map(workOf)),
    ],
    notes: [
      `The agent needs ${plain(ratio)} of the CPU of conntrack -L >/dev/null by the medians, ${plain(byRound)} by the median of the ratios`,
      'within a round. It is all of the process and its threads, from rest to rest: sockets, audit and garbage too.',
      'A pause is the longest time between two turns of the event loop during one snapshot, of a process that takes',
      'them by the same code. Others take the CPU from it, as from the idle one beside it; so what counts is the longest',
      'work (CPU time of the thread) it did in one turn.',
    ],
    verdicts: [judge('snapshotCpu', ratio), judge('snapshotPause', work)],
    data: { samples, pauses, ratio, byRound, longestWorkMs: work },
  };
}

function row(name: string, values: readonly number[]): string[] {
  return [name, String(values.length), ...[median(values), Math.min(...values), Math.max(...values)].map(ms)];
}

function wallOf({ wallMs }: Pause): number {
  return wallMs;
}

function workOf({ longestWorkMs }: Pause): number {
  return longestWorkMs;
}
