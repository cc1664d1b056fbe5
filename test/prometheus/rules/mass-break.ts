import { agent, BROKEN_LABELS, broken, NODE_1, NODE_2, POD_NODE, podOn } from './agents.ts';
import type { Labels, RuleCase } from './rule-case.ts';

const about = 'ConntrackMassBreak';
const fires: Labels = { severity: 'critical', ...NODE_1 };
const { sender: _, outcome: __, ...brokenAlert } = BROKEN_LABELS;
const brokenFires = (node: Labels, labels: Labels = {}): Labels => ({
  alertname: 'ConntrackConnectionsBroken',
  severity: 'warning',
  ...node,
  ...brokenAlert,
  ...labels,
});
const other: Labels = {
  cause: 'timeout',
  client_namespace: 'web',
  client_workload: 'Deployment/front',
  outcome: 'reset',
};

export const MASS_BREAK: readonly RuleCase[] = [
  {
    about,
    name: 'fifty on one node, whoever they are; and the end',
    series: [
      ...agent(NODE_1),
      broken(NODE_1, 'none 20m, 30 1m, 44 60m'),
      broken(NODE_1, 'none 20m, 5 60m', other),
      broken(NODE_1, 'none 22m, 1 60m', { client_namespace: '', client_workload: '' }),
    ],
    checks: [
      {
        minute: 21,
        firing: [
          brokenFires(NODE_1),
          brokenFires(NODE_1, {
            cause: 'timeout',
            client_namespace: 'web',
            client_workload: 'Deployment/front',
          }),
        ],
      },
      {
        minute: 22,
        texts: {
          alertname: about,
          alerts: [
            {
              labels: fires,
              summary: '50 connections broke on node node-1 within 10 minutes',
              description:
                '50 connections broke on node node-1 within 10 minutes, as their conntrack entries were lost. Most: 44 from shop/Deployment/checkout to shop/redis:6379 (deleted); 5 from web/Deployment/front to shop/redis:6379 (timeout); 1 from an unknown client to shop/redis:6379 (deleted); First: if the cause is "deleted", find the program that flushes conntrack on this node and stop it (port_id in the agent\'s log lines "connection_broken" is usually its process id); if it is "timeout" or "ipvs", set TCP keepalive in these clients.',
            },
          ],
        },
      },
      { minute: 30, texts: { alertname: about, alerts: [] } },
      { minute: 32, firing: [] },
    ],
  },
  {
    about,
    name: 'not 49, and not 50 of two nodes',
    series: [
      ...agent(NODE_1),
      ...agent(NODE_2),
      broken(NODE_1, '1000 20m, 1049 60m'),
      broken(NODE_2, '0 20m, 49 60m'),
    ],
    checks: [{ minute: 21, firing: [brokenFires(NODE_1), brokenFires(NODE_2)] }],
  },
  {
    about,
    name: 'a new pod of the node goes on with it',
    series: [
      ...agent(podOn(NODE_1, 'a'), {
        up: '1 24m, gone 60m',
        start: '-1000 24m, gone 60m',
      }),
      ...agent(podOn(NODE_1, 'b'), {
        up: 'none 24m, 1 60m',
        start: 'none 24m, 1430 60m',
      }),
      broken(podOn(NODE_1, 'a'), '0 20m, 60 4m, gone 60m'),
      broken(podOn(NODE_1, 'b'), 'none 25m, 1 60m'),
    ],
    checks: [20, 24, 25, 29.5].map((minute) => ({
      minute,
      firing: [brokenFires(POD_NODE), { alertname: about, severity: 'critical', ...POD_NODE }],
    })),
  },
];
