import { machineCpuMs, untilQuiet } from './cpu.ts';
import { untilDrained } from './event-queue.ts';
import { LISTENERS, type Listener, startListener } from './listener.ts';
import { judge } from './requirements.ts';
import type { Comparison, Progress, Section } from './section.ts';
import type { Settings } from './settings.ts';
import { median, rotated } from './statistics.ts';
import { count, plain } from './text-table.ts';
import { createTraffic, type Traffic } from './traffic.ts';

const CASES = ['none', ...LISTENERS] as const;
type Case = (typeof CASES)[number];

interface Slice {
  readonly lab: number;
  readonly round: number;
  readonly listener: Case;
  readonly microsecondsPerConnection: number;
}

/**
 * (b) What everybody pays: building the events in the kernel, filtering them, and hearing them.
 *
 * What else happens on the machine is in the figures, so slices that are compared have to be neighbours: there is
 * a lab for each case, its listener runs all the time, and short slices of traffic take turns. Labs are never
 * quite alike (what the compiler made of the peers), so each listener spends a third of the rounds in each lab.
 */
export const compareMachineCpu: Comparison = async ({ machineCpu }, progress) => {
  const traffics: Traffic[] = [];
  try {
    for (const _ of CASES) traffics.push(await createTraffic());
    return section(machineCpu, await takeSlices(traffics, machineCpu, progress));
  } finally {
    await Promise.all(traffics.map(({ lab }) => lab.close()));
  }
};

async function takeSlices(
  traffics: readonly Traffic[],
  { connections, rounds }: Settings['machineCpu'],
  progress: Progress,
): Promise<Slice[]> {
  const slices: Slice[] = [];
  for (let block = 0; block < CASES.length; block++) {
    const first = (block * rounds) / CASES.length;
    progress(
      `rounds ${first + 1} to ${first + rounds / CASES.length} of ${rounds}: ${count(connections)} connections for each case`,
    );
    const stands = rotated(CASES, block).map((name, lab) => ({ name, lab, traffic: traffics[lab]! }));
    const ready = [];
    for (const stand of stands) ready.push({ ...stand, listener: await start(stand.name, stand.traffic) });
    for (const { traffic, listener } of ready) await busyMs(traffic, listener, connections); // Not counted: compiles.
    for (let round = first; round < first + rounds / CASES.length; round++) {
      for (const { name, lab, traffic, listener } of rotated(ready, round)) {
        const busy = await busyMs(traffic, listener, connections);
        slices.push({ lab, round, listener: name, microsecondsPerConnection: (busy * 1000) / connections });
      }
    }
    for (const { listener } of ready) await listener?.end();
  }
  return slices;
}

async function start(name: Case, { lab, scraper }: Traffic): Promise<Listener | undefined> {
  if (name === 'none') return undefined;
  const listener = await startListener(name, lab, scraper);
  await untilQuiet(listener.pid);
  return listener;
}

/** Connections from their beginning until the last entry is gone and its event was read. */
async function busyMs({ lab, pass }: Traffic, listener: Listener | undefined, connections: number) {
  const before = machineCpuMs();
  await pass(connections);
  await lab.flush();
  if (listener) await untilDrained(listener.pid);
  return machineCpuMs() - before;
}

function section({ connections, rounds }: Settings['machineCpu'], slices: readonly Slice[]): Section {
  const costs = (listener: Case) =>
    slices.filter((slice) => slice.listener === listener).map((slice) => slice.microsecondsPerConnection);
  const none = costs('none');
  const figuresOf = (listener: Case) => ({
    medianMicroseconds: median(costs(listener)),
    toNone: median(costs(listener)) / median(none),
    toNoneByRound: median(costs(listener).map((cost, round) => cost / none[round]!)),
  });
  const figures = {
    none: figuresOf('none'),
    agent: figuresOf('agent'),
    'conntrack -E': figuresOf('conntrack -E'),
  };
  return {
    id: 'b',
    title: `Busy CPU of the whole machine per connection, ${rounds} slices of ${count(connections)} connections for each case`,
    rows: [
      ['listener', 'median us', 'smallest', 'largest', 'to none', 'to none, by round'],
      ...CASES.map((listener) => [
        listener,
        figures[listener].medianMicroseconds.toFixed(0),
        Math.min(...costs(listener)).toFixed(0),
        Math.max(...costs(listener)).toFixed(0),
        figures[listener].toNone.toFixed(3),
        figures[listener].toNoneByRound.toFixed(3),
      ]),
    ],
    notes: [
      `Agent: ${plain(figures.agent.toNone)} times no listener by the medians, ${plain(figures.agent.toNoneByRound)} by the median of the ratios within a round:`,
      'the better figure where others use the machine. A slice ends with a flush: the end of its connections is in it.',
    ],
    verdicts: [judge('machineCpu', figures.agent.toNoneByRound)],
    data: { slices, figures },
  };
}
