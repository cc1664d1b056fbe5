import { agent, BROKEN_LABELS, broken, CHECKOUT, NODE_1, SERVICE } from './agents.ts';
import type { Labels, RuleCase } from './rule-case.ts';

const about = 'ConntrackConnectionsStalled';
const labels: Labels = { severity: 'warning', ...NODE_1, ...SERVICE, ...CHECKOUT };
const { sender: _, outcome: __, ...brokenAlert } = BROKEN_LABELS;
const brokenFires: Labels = {
  alertname: 'ConntrackConnectionsBroken',
  severity: 'warning',
  ...NODE_1,
  ...brokenAlert,
};
const fires: Labels = { alertname: about, ...labels };

export const STALLED: readonly RuleCase[] = [
  {
    about,
    name: 'the first one, of whatever cause; and the end',
    series: [
      ...agent(NODE_1),
      broken(NODE_1, 'none 20m, 1 60m', { outcome: 'stalled' }),
      broken(NODE_1, 'none 22m, 2 60m', { outcome: 'stalled', cause: 'timeout' }),
    ],
    checks: [
      { minute: 19.5, firing: [] },
      { minute: 20, firing: [brokenFires, fires] },
      {
        minute: 22,
        texts: {
          alertname: about,
          alerts: [
            {
              labels,
              summary: 'Connections of Deployment/checkout to redis:6379 hang',
              description:
                "3 connection(s) from shop/Deployment/checkout to shop/redis:6379 lost their conntrack entries on node node-1 within 10 minutes and got no answer since: the new backend drops the packets instead of resetting the connection. The client may hang for 15 minutes in each. First: restart the client's pods if they are stuck; then look for a NetworkPolicy or firewall that drops what it does not know, and for a dead endpoint of the Service.",
            },
          ],
        },
      },
      { minute: 31, firing: [{ ...brokenFires, cause: 'timeout' }, fires] },
      { minute: 32, firing: [] },
    ],
  },
  {
    about,
    name: 'not for resets, nor for old stalls',
    series: [
      ...agent(NODE_1),
      broken(NODE_1, '0 20m, 1 40m'),
      broken(NODE_1, '3 60m', { outcome: 'stalled' }),
    ],
    checks: [
      { minute: 10, firing: [] },
      { minute: 21, firing: [brokenFires] },
    ],
  },
];
