import { agent, broken, NODE_1, NODE_2 } from './agents.ts';
import { ALERT_LABELS, BROKEN, fires, INCREASE, quiet, RECORD_LABELS, value } from './broken-values.ts';
import type { RuleCase } from './rule-case.ts';

export const BROKEN_CONNECTIONS: readonly RuleCase[] = [
  {
    about: BROKEN,
    name: 'a series that comes into being at 1, and the end after ten minutes',
    series: [...agent(NODE_1), broken(NODE_1, 'none 20m, 1 60m')],
    checks: [
      quiet(19.5),
      { minute: 20, firing: [fires(NODE_1)], values: value(1) },
      { minute: 29.5, firing: [fires(NODE_1)], values: value(1) },
      quiet(30),
      quiet(60),
    ],
  },
  {
    about: BROKEN,
    name: 'from 0, in whole numbers',
    series: [...agent(NODE_1), broken(NODE_1, '0 20m, 1 3m, 4 3m, 9 60m')],
    checks: [
      quiet(19.5),
      { minute: 20, firing: [fires(NODE_1)], values: value(1) },
      { minute: 23, values: value(4) },
      { minute: 26, values: value(9) },
      { minute: 30, values: value(8) },
      { minute: 33, values: value(5) },
      { minute: 35.5, firing: [fires(NODE_1)], values: value(5) },
      quiet(36),
    ],
  },
  {
    about: BROKEN,
    name: 'an old counter that stands still says nothing, however high',
    series: [...agent(NODE_1), broken(NODE_1, '7 90m')],
    checks: [quiet(0), quiet(5), quiet(10), quiet(11), quiet(80)],
  },
  {
    about: BROKEN,
    name: 'sums over who spoke first; causes, outcomes and clients stay apart',
    series: [
      ...agent(NODE_1),
      broken(NODE_1, '0 20m, 2 40m'),
      broken(NODE_1, '0 20m, 3 40m', { sender: 'server' }),
      broken(NODE_1, 'none 20m, 1 40m', { cause: 'timeout' }),
      broken(NODE_1, 'none 20m, 4 40m', { client_namespace: '', client_workload: '' }),
    ],
    checks: [
      {
        minute: 21,
        firing: [
          fires(NODE_1),
          fires(NODE_1, { cause: 'timeout' }),
          fires(NODE_1, { client_namespace: '', client_workload: '' }),
        ],
        values: {
          expr: INCREASE,
          samples: [
            [{ ...NODE_1, ...RECORD_LABELS }, 5],
            [{ ...NODE_1, ...RECORD_LABELS, cause: 'timeout' }, 1],
            [{ ...NODE_1, ...RECORD_LABELS, client_namespace: '', client_workload: '' }, 4],
          ],
        },
      },
    ],
  },
  {
    about: BROKEN,
    name: 'each node by itself',
    series: [...agent(NODE_1), ...agent(NODE_2), broken(NODE_1, '3 60m'), broken(NODE_2, 'none 20m, 2 40m')],
    checks: [quiet(15), { minute: 21, firing: [fires(NODE_2)], values: value(2, NODE_2) }],
  },
  {
    about: BROKEN,
    name: 'the text says who, why, how many, and what to do',
    series: [
      ...agent(NODE_1),
      broken(NODE_1, '0 20m, 1 40m'),
      broken(NODE_1, '0 20m, 12 40m', {
        cause: 'timeout',
        client_namespace: '',
        client_workload: '',
        service_namespace: '',
        service_name: '10.96.0.9',
      }),
      {
        name: 'conntrack_watchdog_kernel_setting',
        labels: { ...NODE_1, name: 'nf_conntrack_tcp_timeout_established' },
        over: '86400 60m',
      },
    ],
    checks: [
      {
        minute: 21,
        texts: {
          alertname: BROKEN,
          alerts: [
            {
              labels: { severity: 'warning', ...NODE_1, ...ALERT_LABELS },
              summary: 'Connections of Deployment/checkout to redis:6379 break (deleted)',
              description:
                '1 connection(s) from shop/Deployment/checkout to shop/redis:6379 broke within 10 minutes on node node-1, as their conntrack entries were lost. Cause: deleted, a program on the node deleted the entries (conntrack -F or -D, a CNI plugin, kube-proxy). First: find it, by port_id (usually its process id) in the agent\'s log lines "connection_broken".',
            },
            {
              labels: {
                severity: 'warning',
                ...NODE_1,
                service_port: '6379',
                service_name: '10.96.0.9',
                cause: 'timeout',
              },
              summary: 'Connections of an unknown client to 10.96.0.9:6379 break (timeout)',
              description:
                '12 connection(s) from an unknown client to 10.96.0.9:6379 broke within 10 minutes on node node-1, as their conntrack entries were lost. Cause: timeout, they were idle for longer than conntrack keeps an entry (1d 0h 0m 0s when established). First: set TCP keepalive in the client, with a TCP_KEEPIDLE of 300 s or less.',
            },
          ],
        },
      },
    ],
  },
];
