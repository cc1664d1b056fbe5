import { createLab } from '../src/lab/lab.ts';
import { startPeer } from '../src/lab/peer.ts';
import { FLUSH_CASES, type Flush, type FlushCase, measureFlush } from './flush-measure.ts';
import { judge } from './requirements.ts';
import type { Comparison, Section } from './section.ts';
import { median, rotated } from './statistics.ts';
import { count, ms, plain } from './text-table.ts';

type Name = FlushCase['name'];

/** (c) Every entry of a node lost at one moment: the most events there ever are, all of them evidence. */
export const compareFlush: Comparison = async ({ flush: { entries, rounds } }, progress) => {
  const lab = await createLab({ family: 4, rules: 'iptables', backends: 2 });
  const flushes: Flush[] = [];
  try {
    const scraper = await startPeer(lab.node);
    for (let round = 0; round < rounds; round++) {
      for (const each of rotated(FLUSH_CASES, round)) {
        progress(`${each.name}, flush ${round + 1} of ${rounds}: ${count(entries)} entries`);
        flushes.push(await measureFlush(lab, scraper, each, entries));
      }
    }
  } finally {
    await lab.close();
  }
  return section(entries, flushes);
};

function section(entries: number, flushes: readonly Flush[]): Section {
  const names = FLUSH_CASES.map(({ name }) => name);
  const of = (name: Name) => flushes.filter((flush) => flush.name === name);
  const middle = (name: Name, figure: (flush: Flush) => number) => median(of(name).map(figure));
  const perMessage = (name: Name) => middle(name, ({ cpu, received }) => (cpu.exactMs * 1000) / received);
  const ratio = perMessage('agent') / perMessage('conntrack -E');
  const lost = Math.max(...of('agent').map(({ dropped }) => dropped));
  const miscounted = Math.max(...flushes.map((flush) => miscount(flush, entries)));
  const warnings = middle('conntrack -E', ({ heard }) => heard.warnings ?? 0);
  return {
    id: 'c',
    title: `A flush of ${count(entries)} established entries, medians of ${of('agent').length}`,
    rows: [
      [
        'listener',
        'received',
        'lost',
        'CPU ms',
        'us/message',
        'load + flush',
        'wall ms',
        'of it conntrack -F',
        'MiB before',
        'after',
      ],
      ...names.map((name) => [
        name,
        count(middle(name, ({ received }) => received)),
        count(middle(name, ({ dropped }) => dropped)),
        ms(middle(name, ({ cpu }) => cpu.exactMs)),
        perMessage(name).toFixed(1),
        ms(middle(name, ({ loadAndFlushCpu }) => loadAndFlushCpu.exactMs)),
        ms(middle(name, ({ wallMs }) => wallMs)),
        ms(middle(name, ({ flushMs }) => flushMs)),
        ...[0, 1].map((i) => (middle(name, ({ residentKiB }) => residentKiB[i]!) / 1024).toFixed(1)),
      ]),
    ],
    notes: [
      `conntrack -E loses most of a flush (${count(warnings)} warnings of ENOBUFS), and its -b does not change that. What it`,
      `did not hear costs it nothing, so compare CPU per message received: the agent needs ${plain(ratio)} of that.`,
      'Most of it conntrack -E spends on looking up in /proc, event by event, which program made it: the events',
      'of ordinary connections, which no program made, cost it less, see us/event in (a).',
      '"load + flush" has the making of the entries too: the filter keeps it from the agent, conntrack -E hears it.',
    ],
    verdicts: [judge('flushLost', lost), judge('flushCpu', ratio), judge('flushAccount', miscounted)],
    data: { flushes, cpuPerMessageRatio: ratio, agentLost: lost, miscounted },
  };
}

/** How far the agent's own counts are from the kernel's Drops, and from the number of entries that went. */
function miscount({ heard }: Flush, entries: number): number {
  if (heard.saysLost === undefined) return 0;
  return Math.max(Math.abs(heard.saysLost - heard.drops), Math.abs(heard.events + heard.drops - entries));
}
