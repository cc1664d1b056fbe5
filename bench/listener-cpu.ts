import type { Lab } from '../src/lab/lab.ts';
import { cpuBetween, type ProcessCpu, processCpu, untilQuiet } from './cpu.ts';
import { makeEntries } from './entries.ts';
import { untilDrained } from './event-queue.ts';
import { type Heard, LISTENERS, type ListenerName, startListener } from './listener.ts';
import { judge } from './requirements.ts';
import type { Comparison } from './section.ts';
import { median } from './statistics.ts';
import { count, ms, plain } from './text-table.ts';
import { createTraffic, type Traffic } from './traffic.ts';

/** Entries that are lost after each load of the agent: who hears nothing of ordinary traffic might be deaf. */
const PROOF_ENTRIES = 10;

interface Load {
  readonly listener: ListenerName;
  readonly connections: number;
  readonly seconds: number;
  /** From when it was ready and quiet until the last entry was gone. */
  readonly cpu: ProcessCpu;
  readonly heard: Heard;
}

/** (a) What a listener costs while ordinary connections come and go and nothing is wrong. */
export const compareListenerCpu: Comparison = async ({ listenerCpu }, progress) => {
  const { connections, loads } = listenerCpu;
  const traffic = await createTraffic();
  const samples: Load[] = [];
  try {
    for (let turn = 1; turn <= loads; turn++) {
      for (const listener of LISTENERS) {
        samples.push(
          await measure(traffic, listener, connections, (done) =>
            progress(
              `${listener}, load ${turn} of ${loads}: ${count(done)} of ${count(connections)} connections`,
            ),
          ),
        );
      }
    }
  } finally {
    await traffic.lab.close();
  }
  const by = (listener: ListenerName) => samples.filter((sample) => sample.listener === listener);
  const events = (listener: ListenerName) => median(by(listener).map(({ heard }) => heard.events));
  const medians = Object.fromEntries(
    LISTENERS.map((listener) => [listener, medianCpu(by(listener).map(({ cpu }) => cpu))]),
  ) as Record<ListenerName, ProcessCpu>;
  const [agent, conntrack] = [medians.agent, medians['conntrack -E']];
  // The counters differ by rounding only; the one that is worse for the agent decides.
  const ratio = Math.max(agent.statMs / conntrack.statMs, agent.exactMs / conntrack.exactMs);
  return {
    id: 'a',
    title: `CPU of the listener alone while ${count(connections)} short connections pass the DNAT, start-up left out`,
    rows: [
      [
        'listener',
        'CPU ms, each load',
        'median',
        'exact',
        'us/connection',
        'events',
        'us/event',
        'not heard',
      ],
      ...LISTENERS.map((listener) => [
        listener,
        by(listener)
          .map(({ cpu }) => cpu.statMs)
          .join(', '),
        ms(medians[listener].statMs),
        ms(medians[listener].exactMs),
        ((medians[listener].exactMs * 1000) / connections).toFixed(2),
        count(events(listener)),
        events(listener) === 0 ? '-' : ((medians[listener].exactMs * 1000) / events(listener)).toFixed(1),
        count(median(by(listener).map(({ heard }) => heard.drops))),
      ]),
    ],
    notes: [
      `Ratio ${plain(ratio)}. CPU is utime + stime of /proc/PID/stat, in steps of 10 ms; "exact" is the scheduler's count.`,
      `Events of the load: the ${PROOF_ENTRIES} entries lost after it, which the agent has to hear of, are not in them.`,
      '"not heard": messages the kernel dropped because the receive buffer was full (conntrack -E at its default).',
    ],
    verdicts: [judge('listenerCpu', ratio)],
    data: { samples, medians, ratio },
  };
};

async function measure(
  { lab, scraper, pass, letExpire }: Traffic,
  listener: ListenerName,
  connections: number,
  onProgress: (done: number) => void,
): Promise<Load> {
  await lab.flush();
  const running = await startListener(listener, lab, scraper);
  const before = await untilQuiet(running.pid);
  const startedAt = performance.now();
  onProgress(0);
  await pass(connections, onProgress);
  const seconds = (performance.now() - startedAt) / 1000;
  await letExpire();
  await untilDrained(running.pid);
  const cpu = cpuBetween(before, processCpu(running.pid));
  if (listener === 'agent') await loseEntries(lab, running.pid);
  const heard = await running.end();
  if (listener !== 'agent') return { listener, connections, seconds, cpu, heard };
  const events = heard.events - PROOF_ENTRIES;
  if (events < 0) throw new Error(`the agent heard ${heard.events} of ${PROOF_ENTRIES} lost entries`);
  return { listener, connections, seconds, cpu, heard: { ...heard, events } };
}

async function loseEntries(lab: Lab, pid: number): Promise<void> {
  await makeEntries(lab, PROOF_ENTRIES);
  await lab.flush();
  await untilDrained(pid);
}

function medianCpu(values: readonly ProcessCpu[]): ProcessCpu {
  return {
    statMs: median(values.map(({ statMs }) => statMs)),
    exactMs: median(values.map(({ exactMs }) => exactMs)),
  };
}
