import { agent, broken, NODE_1, POD_NODE, podOn } from './agents.ts';
import { BROKEN, fires, INCREASE, none, quiet, RECORD_LABELS, value } from './broken-values.ts';
import { LONG_AGO, type RuleCase } from './rule-case.ts';

/** Restarts, new pods, gaps, a Prometheus without a past: what is new then, and what is not. */
export const COUNTER_HISTORIES: readonly RuleCase[] = [
  {
    about: BROKEN,
    name: 'restart under the same labels: the old count says nothing, the new one does, also when it is the same number',
    series: [
      ...agent(NODE_1, {
        up: '1 90m',
        start: `${LONG_AGO} 20m, 1200 70m`,
      }),
      broken(NODE_1, '1 20m, gone 5m, 1 65m'),
    ],
    checks: [
      quiet(19),
      quiet(20),
      quiet(24.5),
      { minute: 25, firing: [fires(NODE_1)], values: value(1) },
      quiet(35),
    ],
  },
  {
    about: BROKEN,
    name: 'a restart a while ago, then the number from before it',
    series: [
      ...agent(NODE_1, {
        start: `${LONG_AGO} 20m, 1200 100m`,
      }),
      broken(NODE_1, '1 20m, gone 25m, 1 45m'),
    ],
    checks: [quiet(30), quiet(44.5), { minute: 45, firing: [fires(NODE_1)], values: value(1) }, quiet(55)],
  },
  {
    about: BROKEN,
    name: 'restart under the same labels with more than before',
    series: [
      ...agent(NODE_1, {
        start: `${LONG_AGO} 20m, 1200 70m`,
      }),
      broken(NODE_1, '5 20m, 7 70m'),
    ],
    checks: [
      { minute: 20, firing: [fires(NODE_1)], values: value(7) },
      { minute: 29.5, values: value(7) },
      quiet(30),
    ],
  },
  {
    about: BROKEN,
    name: 'what broke just before the agent ended is not forgotten',
    series: [
      ...agent(NODE_1, {
        up: '1 21m, 0 2m, 1 60m',
        start: `${LONG_AGO} 21m, gone 2m, 1380 60m`,
      }),
      broken(NODE_1, '4 20.5m, 6 0.5m, gone 62m'),
      broken(NODE_1, 'none 20.5m, 1 0.5m, gone 62m', { cause: 'timeout' }),
    ],
    checks: [
      quiet(20),
      ...[21, 25, 30].map((minute) => ({
        minute,
        firing: [fires(NODE_1), fires(NODE_1, { cause: 'timeout' })],
        values: {
          expr: INCREASE,
          samples: [
            [{ ...NODE_1, ...RECORD_LABELS }, 2],
            [{ ...NODE_1, ...RECORD_LABELS, cause: 'timeout' }, 1],
          ] as const,
        },
      })),
      quiet(31),
    ],
  },
  {
    about: BROKEN,
    name: 'the same, by a Prometheus that knows the agent for two minutes',
    series: [
      ...agent(NODE_1, {
        up: 'none 20m, 1 2m, 0 60m',
        start: `none 20m, ${LONG_AGO} 2m, gone 60m`,
      }),
      broken(NODE_1, 'none 20m, 4 1.5m, 6 0.5m, gone 60m'),
    ],
    checks: [quiet(21), { minute: 22, values: value(2) }],
  },
  {
    about: BROKEN,
    name: 'a new pod: its first break counts, the old count of the old pod does not; one alert for both',
    series: [
      ...agent(podOn(NODE_1, 'a'), {
        up: '1 20m, gone 60m',
        start: `${LONG_AGO} 20m, gone 60m`,
      }),
      ...agent(podOn(NODE_1, 'b'), {
        up: 'none 20.5m, 1 60m',
        start: 'none 20.5m, 1220 60m',
      }),
      broken(podOn(NODE_1, 'a'), '5 19m, 6 1m, gone 60m'),
      broken(podOn(NODE_1, 'b'), 'none 22m, 1 60m'),
    ],
    checks: [
      quiet(18.5),
      { minute: 19, firing: [fires(POD_NODE)], values: value(1, POD_NODE) },
      { minute: 20.5, firing: [fires(POD_NODE)], values: value(1, POD_NODE) },
      { minute: 22, firing: [fires(POD_NODE)], values: value(2, POD_NODE) },
      { minute: 29, values: value(1, POD_NODE) },
      { minute: 31.5, firing: [fires(POD_NODE)], values: value(1, POD_NODE) },
      quiet(32),
    ],
  },
  {
    about: BROKEN,
    name: 'a new node, its agent first scraped with breaks already',
    series: [
      ...agent(NODE_1, {
        up: 'none 20m, 1 60m',
        start: 'none 20m, 1190 60m',
      }),
      broken(NODE_1, 'none 20m, 3 60m'),
    ],
    checks: [{ minute: 20, values: value(3) }, { minute: 29.5, values: value(3) }, quiet(30)],
  },
  {
    about: BROKEN,
    name: 'an old agent first seen by a new Prometheus: its old counts say nothing, what comes does',
    series: [
      ...agent(NODE_1, {
        up: 'none 20m, 1 60m',
        start: `none 20m, ${LONG_AGO} 60m`,
      }),
      broken(NODE_1, 'none 20m, 8 3m, 10 57m'),
      broken(NODE_1, 'none 24m, 1 60m', { cause: 'timeout' }),
    ],
    checks: [
      quiet(20),
      quiet(22.5),
      { minute: 23, values: value(2) },
      {
        minute: 25,
        firing: [fires(NODE_1), fires(NODE_1, { cause: 'timeout' })],
        values: {
          expr: INCREASE,
          samples: [
            [{ ...NODE_1, ...RECORD_LABELS }, 2],
            [{ ...NODE_1, ...RECORD_LABELS, cause: 'timeout' }, 1],
          ],
        },
      },
      { minute: 33, values: value(1, NODE_1, { cause: 'timeout' }) },
      quiet(34),
    ],
  },
  {
    about: BROKEN,
    name: 'the same, and the agent restarts before it is known for ten minutes',
    series: [
      ...agent(NODE_1, {
        up: 'none 20m, 1 60m',
        start: `none 20m, ${LONG_AGO} 3m, 1380 57m`,
      }),
      broken(NODE_1, 'none 20m, 8 3m, 1 57m'),
      broken(NODE_1, 'none 20m, 8 3m, gone 57m', { cause: 'timeout' }),
    ],
    checks: [quiet(22.5), ...[23, 25, 29, 32.5].map((minute) => ({ minute, values: value(1) })), quiet(33)],
  },
  {
    about: BROKEN,
    name: 'an agent that ends soon after its start, with a break',
    series: [
      ...agent(podOn(NODE_1, 'a'), {
        up: 'none 20m, 1 1m, 0 60m',
        start: 'none 20m, 1190 1m, gone 60m',
      }),
      broken(podOn(NODE_1, 'a'), 'none 20m, 1 1m, gone 60m'),
    ],
    checks: [20, 21, 29].map((minute) => ({ minute, values: value(1, POD_NODE) })),
  },
  {
    about: BROKEN,
    name: 'breaks while scrapes fail are told when they work again; old counts are not told anew',
    series: [
      ...agent(NODE_1, {
        up: '1 20m, 0 25m, 1 60m',
        start: `${LONG_AGO} 20m, gone 25m, ${LONG_AGO} 60m`,
      }),
      broken(NODE_1, '5 20m, gone 25m, 5 60m'),
      broken(NODE_1, '5 20m, gone 25m, 6 60m', { cause: 'timeout' }),
      broken(NODE_1, 'none 45m, 2 60m', { cause: 'kernel' }),
    ],
    checks: [
      { minute: 20.5, values: none },
      {
        minute: 45,
        values: {
          expr: INCREASE,
          samples: [
            [{ ...NODE_1, ...RECORD_LABELS, cause: 'timeout' }, 1],
            [{ ...NODE_1, ...RECORD_LABELS, cause: 'kernel' }, 2],
          ],
        },
      },
      {
        minute: 54.5,
        firing: [fires(NODE_1, { cause: 'timeout' }), fires(NODE_1, { cause: 'kernel' })],
      },
      quiet(55),
      quiet(56),
    ],
  },
  {
    about: BROKEN,
    name: 'the same while Prometheus is away',
    series: [
      ...agent(NODE_1, {
        up: '1 20m, none 25m, 1 60m',
        start: `${LONG_AGO} 20m, none 25m, ${LONG_AGO} 60m`,
      }),
      broken(NODE_1, '5 20m, none 25m, 5 60m'),
      broken(NODE_1, '5 20m, none 25m, 6 60m', { cause: 'timeout' }),
    ],
    checks: [
      { minute: 45, values: value(1, NODE_1, { cause: 'timeout' }) },
      { minute: 54.5, firing: [fires(NODE_1, { cause: 'timeout' })] },
      quiet(55),
    ],
  },
  {
    about: BROKEN,
    name: 'single failed scrapes change nothing',
    series: [
      ...agent(NODE_1, {
        up: '1 20m, 0 0.5m, 1 60m',
        start: `${LONG_AGO} 20m, gone 0.5m, ${LONG_AGO} 60m`,
      }),
      broken(NODE_1, '5 20m, gone 0.5m, 5 3m, 6 60m'),
    ],
    checks: [
      quiet(20),
      quiet(23),
      { minute: 23.5, values: value(1) },
      { minute: 30, values: value(1) },
      quiet(33.5),
    ],
  },
  {
    about: BROKEN,
    name: 'the agent restarted while Prometheus was away',
    series: [
      ...agent(NODE_1, {
        up: '1 20m, none 25m, 1 60m',
        start: `${LONG_AGO} 20m, none 25m, 1300 60m`,
      }),
      broken(NODE_1, '5 20m, none 25m, 5 60m'),
    ],
    checks: [{ minute: 45, values: value(5) }, { minute: 54.5, firing: [fires(NODE_1)] }, quiet(55)],
  },
  {
    about: BROKEN,
    name: 'the pod was replaced while Prometheus was away',
    series: [
      ...agent(podOn(NODE_1, 'a'), { up: '1 20m', start: `${LONG_AGO} 20m` }),
      ...agent(podOn(NODE_1, 'b'), { up: 'none 45m, 1 60m', start: 'none 45m, 1300 60m' }),
      broken(podOn(NODE_1, 'a'), '5 20m'),
      broken(podOn(NODE_1, 'b'), 'none 45m, 2 60m'),
    ],
    checks: [
      { minute: 45, values: value(2, POD_NODE) },
      { minute: 54.5, firing: [fires(POD_NODE)] },
      quiet(55),
    ],
  },
  {
    about: BROKEN,
    name: 'a restart under the same labels, then single failed scrapes',
    series: [
      ...agent(NODE_1, {
        up: '1 40m, 0 0.5m, 1 60m',
        start: `${LONG_AGO} 20m, 1200 20m, gone 0.5m, 1200 60m`,
      }),
      broken(NODE_1, '1 20m, gone 24m, 1 60m'),
      broken(NODE_1, '3 20m, gone 2m, 3 18m, gone 0.5m, 3 60m', { cause: 'timeout' }),
    ],
    checks: [
      quiet(43.5),
      { minute: 44, values: value(1) },
      { minute: 50, firing: [fires(NODE_1)], values: value(1) },
      quiet(54),
    ],
  },
  {
    about: BROKEN,
    name: 'a first break seen by the last scrape, by a Prometheus that knows the agent for two minutes',
    series: [
      ...agent(NODE_1, { up: 'none 20m, 1 2m, 0 60m', start: `none 20m, ${LONG_AGO} 2m, gone 60m` }),
      broken(NODE_1, 'none 21.5m, 3 0.5m, gone 60m'),
    ],
    checks: [{ minute: 22, values: value(3) }],
  },
];
