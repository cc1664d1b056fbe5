import { agent, metric, NODE_1, NODE_2, POD_NODE, podOn, SERVICE } from './agents.ts';
import { type Labels, LONG_AGO, type Over, type RuleCase, type Series } from './rule-case.ts';

const about = 'ConntrackRenewalsFailing';

const renewals = (over: Over, labels: Labels = {}, target = NODE_1): Series =>
  metric('renewals_total', { ...target, ...SERVICE, result: 'failed', ...labels }, over);
const labels: Labels = { severity: 'warning', ...NODE_1 };
const fires: Labels = { alertname: about, ...labels };
const quiet = (minute: number) => ({ minute, firing: [] });
const firing = (minute: number) => ({ minute, firing: [fires] });

/** So many more in each minute, from this many on. */
const rising = (from: number, step: number, minutes: number): Over =>
  Array.from({ length: minutes }, (_, i) => `${from + i * step} 1m`).join(', ');

export const RENEWALS: readonly RuleCase[] = [
  {
    about,
    name: 'the first failures ever, a round a minute: not at once, and it ends ten minutes after the last',
    series: [
      ...agent(NODE_1),
      renewals(`0 20m, ${rising(2, 2, 30)}, 60 60m`),
      renewals(`0 20m, ${rising(1, 1, 30)}, 30 60m`, { service_name: 'postgres', service_port: '5432' }),
      renewals('0 110m', { service_name: 'mysql' }),
    ],
    checks: [
      quiet(19),
      quiet(25),
      quiet(29.5),
      firing(30.5),
      {
        minute: 40,
        firing: [fires],
        texts: {
          alertname: about,
          alerts: [
            {
              labels,
              summary: 'conntrack-watchdog on node node-1 cannot renew conntrack entries',
              description:
                'Renewing conntrack entries on node node-1 failed about 30 time(s) within 10 minutes, and before. Most: 20 of connections to shop/redis:6379; 10 of connections to shop/postgres:5432; These count as protected, so nothing else tells of them, and break if they stay idle until their entries expire. First: read the agent\'s log line "renewals_failed", which has what the kernel said, and let clients that matter send something until it is solved.',
            },
          ],
        },
      },
      firing(58.5),
      quiet(59.5),
    ],
  },
  {
    about,
    name: 'not for a round that failed, and not for two in two hours',
    series: [...agent(NODE_1), renewals('0 20m, 500 80m, 501 80m')],
    checks: [20.5, 25, 29.5, 30, 31, 60, 100.5, 105, 110, 120].map(quiet),
  },
  {
    about,
    name: 'not for what was renewed, had changed or was gone, and not for failures on two nodes',
    series: [
      ...agent(NODE_1),
      ...agent(NODE_2),
      ...['renewed', 'changed', 'gone'].map((result) => renewals(rising(0, 50, 120), { result })),
      renewals('0 20m, 3 100m'),
      renewals('0 40m, 3 80m', {}, NODE_2),
    ],
    checks: [21, 35, 41, 45, 60, 100].map(quiet),
  },
  {
    about,
    name: 'a table that is read once an hour: the second failure in a row is told',
    series: [...agent(NODE_1), renewals('0 20m, 4 61m, 8 60m')],
    checks: [quiet(25), quiet(80.5), firing(81.5), firing(88), quiet(92)],
  },
  {
    about,
    name: 'failures bring their series into being, on a Service whose first connections cannot be renewed',
    series: [...agent(NODE_1), renewals(`none 20m, ${rising(5, 5, 40)}`)],
    checks: [quiet(20), quiet(29.5), firing(32), firing(59)],
  },
  {
    about,
    name: 'not for old failures: a new Prometheus, a gap, a restart',
    series: [
      ...agent(NODE_1, {
        up: 'none 5m, 1 20m, 0 15m, 1 60m',
        start: `none 5m, ${LONG_AGO} 20m, gone 15m, ${LONG_AGO} 20m, 3590 40m`,
      }),
      renewals('none 5m, 90 20m, gone 15m, 90 20m, 0 40m'),
    ],
    checks: [5, 10, 20, 41, 50, 55, 61, 70, 90].map(quiet),
  },
  {
    about,
    name: 'an agent that restarts in its pod, and failed scrapes, are no end of it',
    series: [
      ...agent(NODE_1, {
        up: '1 40m, 0 2m, 1 60m',
        start: `${LONG_AGO} 40m, gone 2m, 2500 60m`,
      }),
      renewals(`0 10m, ${rising(3, 3, 30)}, gone 2m, ${rising(3, 3, 60)}`),
    ],
    checks: [quiet(19.5), firing(21), firing(39), firing(41), firing(43), firing(52), firing(100)],
  },
  {
    about,
    name: 'a new pod of the node goes on with it, under one alert',
    series: [
      ...agent(podOn(NODE_1, 'a'), { up: '1 40m, gone 60m', start: `${LONG_AGO} 40m, gone 60m` }),
      ...agent(podOn(NODE_1, 'b'), { up: 'none 41m, 1 60m', start: 'none 41m, 2450 60m' }),
      renewals(`0 10m, ${rising(3, 3, 30)}, gone 60m`, {}, podOn(NODE_1, 'a')),
      renewals(`none 41m, ${rising(3, 3, 60)}`, {}, podOn(NODE_1, 'b')),
    ],
    checks: [39, 41.5, 43, 48, 52, 80, 100].map((minute) => ({
      minute,
      firing: [{ alertname: about, severity: 'warning', ...POD_NODE }],
    })),
  },
  {
    about,
    name: 'a new pod that can renew ends it',
    series: [
      ...agent(podOn(NODE_1, 'a'), { up: '1 40m, gone 60m', start: `${LONG_AGO} 40m, gone 60m` }),
      ...agent(podOn(NODE_1, 'b'), { up: 'none 41m, 1 60m', start: 'none 41m, 2450 60m' }),
      renewals(`0 10m, ${rising(3, 3, 30)}, gone 60m`, {}, podOn(NODE_1, 'a')),
      renewals('none 41m, 0 60m', {}, podOn(NODE_1, 'b')),
    ],
    checks: [{ minute: 39, firing: [{ alertname: about, severity: 'warning', ...POD_NODE }] }, quiet(50)],
  },
];
