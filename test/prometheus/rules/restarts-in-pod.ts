import { agent, BROKEN_LABELS, broken, metric, NODE_1, POD_NODE, podOn } from './agents.ts';
import { BROKEN, fires, INCREASE, none, quiet, RECORD_LABELS, value } from './broken-values.ts';
import { type Labels, LONG_AGO, type RuleCase } from './rule-case.ts';

const POD = podOn(NODE_1, 'a');
const { sender: _, outcome: __, ...brokenAlert } = BROKEN_LABELS;
const brokenFires: Labels = { ...fires(POD_NODE), ...brokenAlert };
const massBreakFires: Labels = { alertname: 'ConntrackMassBreak', severity: 'critical', ...POD_NODE };

/** The container restarts in its pod, so under the same labels: each of its processes counts. */
export const RESTARTS_IN_POD: readonly RuleCase[] = [
  {
    about: 'ConntrackMassBreak',
    name: 'thirty, a restart in the pod, thirty more',
    series: [
      ...agent(POD, { up: '1 90m', start: `${LONG_AGO} 20m, 1200 70m` }),
      broken(POD, '7 15m, 37 5m, gone 1m, 30 60m'),
    ],
    checks: [
      { minute: 20, firing: [brokenFires], values: value(30, POD_NODE) },
      ...[21, 24.5].map((minute) => ({
        minute,
        firing: [brokenFires, massBreakFires],
        values: value(60, POD_NODE),
      })),
      { minute: 25, firing: [brokenFires], values: value(30, POD_NODE) },
      { minute: 30.5, values: value(30, POD_NODE) },
      quiet(31),
    ],
  },
  {
    about: 'ConntrackMassBreak',
    name: 'thirty, a restart in the pod, then more than thirty: it goes on',
    series: [
      ...agent(POD, { up: '1 90m', start: `${LONG_AGO} 22m, 1320 70m` }),
      broken(POD, 'none 20m, 30 2m, 25 1m, 30 1m, 35 60m'),
    ],
    checks: [
      { minute: 22, firing: [brokenFires, massBreakFires], values: value(55, POD_NODE) },
      { minute: 23, firing: [brokenFires, massBreakFires], values: value(60, POD_NODE) },
      { minute: 29.5, firing: [brokenFires, massBreakFires], values: value(65, POD_NODE) },
    ],
  },
  {
    about: BROKEN,
    name: 'a target known for less than ten minutes: breaks, a restart in the pod, breaks, the end',
    series: [
      ...agent(NODE_1, {
        up: 'none 20m, 1 5m, 0 60m',
        start: 'none 20m, 1190 2m, 1320 3m, gone 60m',
      }),
      broken(NODE_1, 'none 20m, 5 2m, gone 1m, 5 2m, gone 60m'),
    ],
    checks: [
      { minute: 22, values: value(5) },
      ...[23, 25, 27.5, 29.5].map((minute) => ({ minute, firing: [fires(NODE_1)], values: value(10) })),
      { minute: 32.5, values: value(5) },
      { minute: 35, values: none },
    ],
  },
  {
    about: BROKEN,
    name: 'killed again and again',
    series: [
      ...agent(NODE_1, {
        up: '1 20m, 0 0.5m, 1 1m, 0 1m, 1 60m',
        start: `${LONG_AGO} 20m, gone 0.5m, 1225 1m, gone 1m, 1340 60m`,
      }),
      broken(NODE_1, '9 19m, 12 1m, gone 0.5m, 5 1m, gone 1m, 1 60m'),
      broken(NODE_1, 'none 19m, 1 1m, gone 0.5m, 1 1m, gone 1m, 1 60m', { cause: 'timeout' }),
    ],
    checks: [
      {
        minute: 22.5,
        values: {
          expr: INCREASE,
          samples: [
            [{ ...NODE_1, ...RECORD_LABELS }, 9],
            [{ ...NODE_1, ...RECORD_LABELS, cause: 'timeout' }, 3],
          ],
        },
      },
      quiet(32.5),
    ],
  },
  {
    about: BROKEN,
    name: 'a new Prometheus: what a young agent has is new for ten minutes, what an old one has is not',
    series: [
      ...agent(NODE_1, { up: 'none 20m, 1 60m', start: 'none 20m, 660 60m' }),
      broken(NODE_1, 'none 20m, 4 60m'),
      ...agent(POD, { up: 'none 20m, 1 60m', start: 'none 20m, 540 60m' }),
      broken(POD, 'none 20m, 4 60m'),
    ],
    checks: [
      ...[20, 21, 25, 29.5].map((minute) => ({ minute, firing: [fires(NODE_1)], values: value(4) })),
      quiet(30),
    ],
  },
  {
    about: 'ConntrackWatchdogEventsLost',
    name: 'a restart in the pod adds to what the process before it lost',
    series: [
      ...agent(NODE_1, { start: `${LONG_AGO} 20m, 1200 70m` }),
      metric('events_lost_total', NODE_1, '100 15m, 130 5m, 0 1m, 20 64m'),
    ],
    checks: [
      ...[
        [20, 30],
        [21, 50],
        [25, 20],
      ].map(([minute, lost]) => ({
        minute: minute!,
        values: { expr: 'conntrack_watchdog:events_lost:increase10m', samples: [[NODE_1, lost!]] as const },
      })),
      { minute: 31, firing: [], values: { ...none, expr: 'conntrack_watchdog:events_lost:increase10m' } },
    ],
  },
];
