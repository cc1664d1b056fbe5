import { agent, metric, NODE_1, NODE_2, POD_NODE, podOn } from './agents.ts';
import { type Labels, LONG_AGO, type Over, type RuleCase, type Series } from './rule-case.ts';

const FULL = 'ConntrackTableNearlyFull';
const INVALID = 'ConntrackInvalidPackets';

const entries = (over: Over, node = NODE_1): Series => metric('table_entries', node, over);
const limit = (value: number, node = NODE_1): Series => metric('table_limit', node, `${value} 240m`);
const fullFires = (node: Labels): Labels => ({ alertname: FULL, severity: 'warning', ...node });

const loose = (over: Over, node = NODE_1): Series =>
  metric('kernel_setting', { ...node, name: 'nf_conntrack_tcp_loose' }, over);
const invalid = (over: Over, node = NODE_1, stat = 'invalid'): Series =>
  metric('kernel_stat_total', { ...node, stat }, over);
const invalidFires = (node: Labels): Labels => ({
  alertname: INVALID,
  severity: 'warning',
  ...node,
  stat: 'invalid',
});

export const NODE: readonly RuleCase[] = [
  {
    about: FULL,
    name: 'above 90% for five minutes, a failed scrape in between; ends with it',
    series: [
      ...agent(NODE_1),
      limit(262_144),
      entries('100000 20m, 240000 2m, gone 0.5m, 250000 7m, 200000 20m'),
    ],
    checks: [
      { minute: 24.5, firing: [] },
      {
        minute: 25,
        firing: [fullFires(NODE_1)],
        texts: {
          alertname: FULL,
          alerts: [
            {
              labels: { severity: 'warning', ...NODE_1 },
              summary: 'The conntrack table of node node-1 is 95.37% full',
              description:
                'The conntrack table of node node-1 is 95.37% full (250000 entries of 262144). When it is full, new connections are dropped, and the kernel removes entries early. First: raise net.netfilter.nf_conntrack_max on the node (kube-proxy sets it by --conntrack-max-per-core and --conntrack-min); then find who opens so many.',
            },
          ],
        },
      },
      { minute: 29, firing: [fullFires(NODE_1)] },
      { minute: 29.5, firing: [] },
    ],
  },
  {
    about: FULL,
    name: 'not at 90%, not for four minutes, not without a limit',
    series: [
      ...agent(NODE_1),
      limit(100_000),
      entries('90000 20m, 99000 4.5m, 90000 40m'),
      ...agent(NODE_2),
      limit(0, NODE_2),
      entries('5000 60m', NODE_2),
    ],
    checks: [15, 24, 25, 40].map((minute) => ({ minute, firing: [] })),
  },
  {
    about: INVALID,
    name: 'ten packets within ten minutes where tcp_loose is 0; ends when they end',
    series: [...agent(NODE_1), loose('0 60m'), invalid('5000 20m, 5009 1m, 5010 40m')],
    checks: [
      { minute: 20.5, firing: [] },
      {
        minute: 21,
        firing: [invalidFires(NODE_1)],
        texts: {
          alertname: INVALID,
          alerts: [
            {
              labels: { severity: 'warning', ...NODE_1, stat: 'invalid' },
              summary:
                'Node node-1 drops packets of connections without an entry (nf_conntrack_tcp_loose is 0)',
              description:
                'On node node-1 conntrack found 10 packets invalid within 10 minutes, and net.netfilter.nf_conntrack_tcp_loose is 0 there: a connection that lost its entry then hangs instead of being picked up, every packet of it is invalid, and the agent cannot see the break. First: set net.netfilter.nf_conntrack_tcp_loose to 1, unless a firewall on this node needs it at 0.',
            },
          ],
        },
      },
      { minute: 29.5, firing: [invalidFires(NODE_1)] },
      { minute: 30, firing: [] },
    ],
  },
  {
    about: INVALID,
    name: 'ends at once when tcp_loose is 1',
    series: [...agent(NODE_1), loose('0 22m, 1 40m'), invalid('0 20m, 30 40m')],
    checks: [
      { minute: 21, firing: [invalidFires(NODE_1)] },
      { minute: 22, firing: [] },
    ],
  },
  {
    about: INVALID,
    name: 'not with tcp_loose 1, not for nine, not for a total that is seen for the first time, not for other stats',
    series: [
      ...agent(NODE_1),
      loose('1 60m'),
      invalid('0 20m, 5000 40m'),
      ...agent(NODE_2),
      loose('0 60m', NODE_2),
      invalid('none 10m, 800 10m, 809 40m', NODE_2),
      invalid('0 20m, 300 40m', NODE_2, 'drop'),
    ],
    checks: [
      ...[10, 15, 22, 40].map((minute) => ({ minute, firing: [] })),
      {
        minute: 22,
        values: {
          expr: 'conntrack_watchdog:kernel_stat:increase10m > 0',
          samples: [
            [{ ...NODE_1, stat: 'invalid' }, 5000],
            [{ ...NODE_2, stat: 'invalid' }, 9],
            [{ ...NODE_2, stat: 'drop' }, 300],
          ],
        },
      },
    ],
  },
  {
    about: INVALID,
    name: "the kernel's totals go on under a new pod, begin anew with the node, and outlast gaps",
    series: [
      ...agent(podOn(NODE_1, 'a'), {
        up: '1 20m, gone 60m',
        start: `${LONG_AGO} 20m, gone 60m`,
      }),
      ...agent(podOn(NODE_1, 'b'), {
        up: 'none 21m, 1 90m',
        start: 'none 21m, 1250 90m',
      }),
      loose('0 21m', podOn(NODE_1, 'a')),
      loose('none 21m, 0 90m', podOn(NODE_1, 'b')),
      invalid('5000 20m, gone 60m', podOn(NODE_1, 'a')),
      invalid('none 21m, 5002 10m, gone 15m, 5030 14m, 12 30m', podOn(NODE_1, 'b')),
    ],
    checks: [
      {
        minute: 21,
        values: {
          expr: 'conntrack_watchdog:kernel_stat:increase10m',
          samples: [[{ ...POD_NODE, stat: 'invalid' }, 2]],
        },
      },
      { minute: 30, firing: [] },
      { minute: 32, firing: [] },
      // After the gap.
      {
        minute: 46,
        values: {
          expr: 'conntrack_watchdog:kernel_stat:increase10m',
          samples: [[{ ...POD_NODE, stat: 'invalid' }, 28]],
        },
      },
      { minute: 56, firing: [] },
      // After a reboot.
      {
        minute: 60,
        firing: [invalidFires(POD_NODE)],
        values: {
          expr: 'conntrack_watchdog:kernel_stat:increase10m',
          samples: [[{ ...POD_NODE, stat: 'invalid' }, 12]],
        },
      },
      { minute: 70, firing: [] },
    ],
  },
];
