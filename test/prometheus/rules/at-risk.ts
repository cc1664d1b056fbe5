import { agent, CHECKOUT, metric, NODE_1, podOn, SERVICE } from './agents.ts';
import { type Labels, LONG_AGO, type Over, type RuleCase, type Series } from './rule-case.ts';

const AT_RISK = 'ConntrackConnectionsAtRisk';
const EXPIRE = 'ConntrackConnectionsAboutToExpire';

const atRisk = (over: Over, labels: Labels = {}, target = NODE_1): Series =>
  metric(
    'connections_at_risk',
    { ...target, ...SERVICE, ...CHECKOUT, reason: 'no_keepalive', ...labels },
    over,
  );
const nextExpiry = (over: Over, labels: Labels = {}): Series =>
  metric('next_expiry_seconds', { ...NODE_1, ...SERVICE, ...labels }, over);

const atRiskLabels: Labels = { severity: 'info', ...NODE_1, ...SERVICE, ...CHECKOUT };
const atRiskFires: Labels = { alertname: AT_RISK, ...atRiskLabels };
const expireLabels: Labels = { severity: 'warning', ...NODE_1, ...SERVICE };
const expireFires: Labels = { alertname: EXPIRE, ...expireLabels };

export const CONNECTIONS_AT_RISK: readonly RuleCase[] = [
  {
    about: AT_RISK,
    name: 'ten for an hour, of both reasons together; ends with them',
    series: [
      ...agent(NODE_1),
      atRisk('0 10m, 8 80m, 0 20m'),
      atRisk('0 10m, 2 80m, 0 20m', { reason: 'slow_keepalive' }),
    ],
    checks: [
      { minute: 69.5, firing: [] },
      {
        minute: 70,
        firing: [atRiskFires],
        texts: {
          alertname: AT_RISK,
          alerts: [
            {
              labels: atRiskLabels,
              summary: '10 connections of Deployment/checkout to redis:6379 break if they stay idle',
              description:
                '10 connections from shop/Deployment/checkout to shop/redis:6379 on node node-1 have no TCP keepalive, or one that comes too late, for an hour now. They break when they are idle for longer than the node keeps their entries. First: set SO_KEEPALIVE in the client with a TCP_KEEPIDLE of 300 s or less, or let its pool close idle connections sooner.',
            },
          ],
        },
      },
      { minute: 89.5, firing: [atRiskFires] },
      { minute: 90, firing: [] },
    ],
  },
  {
    about: AT_RISK,
    name: 'not nine, not those of which nothing is known or that are protected, not two workloads together',
    series: [
      ...agent(NODE_1),
      atRisk('9 120m'),
      atRisk('50 120m', { reason: 'unknown' }),
      atRisk('50 120m', { reason: 'protected' }),
      atRisk('9 120m', { client_workload: 'Deployment/other' }),
    ],
    checks: [{ minute: 119, firing: [] }],
  },
  {
    about: AT_RISK,
    name: 'not while they come and go',
    series: [...agent(NODE_1), atRisk('20 45m, 3 1m, 20 45m, 9 0.5m, 20 28m')],
    checks: [30, 50, 90, 119].map((minute) => ({ minute, firing: [] })),
  },
  {
    about: AT_RISK,
    name: 'a few failed scrapes and a new pod are no end of it',
    series: [
      ...agent(podOn(NODE_1, 'a'), {
        up: '1 30m, 0 2m, 1 8m, gone 60m',
        start: `${LONG_AGO} 30m, gone 2m, ${LONG_AGO} 8m, gone 60m`,
      }),
      ...agent(podOn(NODE_1, 'b'), {
        up: 'none 41m, 1 60m',
        start: 'none 41m, 2460 60m',
      }),
      atRisk('12 30m, gone 2m, 12 8m, gone 60m', {}, podOn(NODE_1, 'a')),
      atRisk('none 43m, 12 60m', {}, podOn(NODE_1, 'b')),
    ],
    checks: [
      { minute: 59.5, firing: [] },
      { minute: 60, firing: [{ ...atRiskFires, namespace: 'conntrack-watchdog' }] },
      {
        minute: 43,
        values: { expr: 'sum(ALERTS_FOR_STATE{alertname="ConntrackConnectionsAtRisk"})', samples: [[{}, 0]] },
      },
    ],
  },
  {
    about: AT_RISK,
    name: 'ends when they are protected',
    series: [...agent(NODE_1), atRisk('12 90m, 0 30m'), atRisk('0 90m, 12 30m', { reason: 'protected' })],
    checks: [
      { minute: 89.5, firing: [atRiskFires] },
      { minute: 90, firing: [] },
    ],
  },
  {
    about: EXPIRE,
    name: 'says when and whose; ends when it is used again',
    series: [
      ...agent(NODE_1),
      atRisk('3 60m'),
      atRisk('1 60m', { client_namespace: 'web', client_workload: 'Deployment/front' }),
      atRisk('7 60m', { client_namespace: '', client_workload: '', reason: 'unknown' }),
      atRisk('8 60m', { client_workload: 'Deployment/safe', reason: 'protected' }),
      nextExpiry('4000 20m, 590 1m, 530 1m, 470 1m, 86000 30m'),
    ],
    checks: [
      { minute: 21.5, firing: [] },
      {
        minute: 22,
        firing: [expireFires],
        texts: {
          alertname: EXPIRE,
          alerts: [
            {
              labels: expireLabels,
              summary: 'A connection to redis:6379 loses its conntrack entry in 7m 50s',
              description:
                'In 7m 50s the first idle connection to shop/redis:6379 on node node-1 loses its conntrack entry, and breaks when it is used again. At risk there are: 3 of shop/Deployment/checkout; 1 of web/Deployment/front; First: let the client send something (a health check of its pool, a ping) or restart it at a time that suits; then set TCP keepalive in it with a TCP_KEEPIDLE of 300 s or less.',
            },
          ],
        },
      },
      { minute: 23, firing: [] },
    ],
  },
  {
    about: EXPIRE,
    name: 'not at 600 s, not for a moment (data in flight), not if nothing is known of the keepalive or all are protected',
    series: [
      ...agent(NODE_1),
      atRisk('3 60m'),
      nextExpiry('600 20m, 299 1m, 86400 10m, 250 1.5m, 600 20m'),
      atRisk('3 60m', { service_name: 'postgres', reason: 'unknown' }),
      nextExpiry('100 60m', { service_name: 'postgres' }),
      // What is left has no known keepalive.
      atRisk('3 60m', { service_name: 'mysql', reason: 'protected' }),
      atRisk('1 60m', { service_name: 'mysql', reason: 'unknown' }),
      nextExpiry('100 60m', { service_name: 'mysql' }),
      // Before the first were at risk, and after the last.
      atRisk('0 60m', { service_name: 'kafka' }),
      nextExpiry('100 60m', { service_name: 'kafka' }),
    ],
    checks: [10, 20.5, 31, 32, 40].map((minute) => ({ minute, firing: [] })),
  },
];
