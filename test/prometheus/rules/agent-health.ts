import { agent, metric, NODE_1, NODE_2, POD_NODE, podOn } from './agents.ts';
import { type Labels, LONG_AGO, type Over, type RuleCase, type Series } from './rule-case.ts';

const LOST = 'ConntrackWatchdogEventsLost';
const BLIND = 'ConntrackWatchdogBlind';
const NOT_READY = 'ConntrackWatchdogNotReady';

const fires = (alertname: string, labels: Labels = NODE_1): Labels => ({
  alertname,
  severity: alertname === BLIND ? 'critical' : 'warning',
  ...labels,
});
const lost = (over: Over, target = NODE_1): Series => metric('events_lost_total', target, over);
const condition = (name: string, over: Over, target = NODE_1): Series =>
  metric('ready_condition', { ...target, condition: name }, over);
const ready = (over: Over, target = NODE_1): Series => metric('ready', target, over);

export const AGENT_HEALTH: readonly RuleCase[] = [
  {
    about: LOST,
    name: 'from 0, and ends after ten minutes',
    series: [...agent(NODE_1), lost('0 20m, 1 40m')],
    checks: [
      { minute: 19.5, firing: [] },
      {
        minute: 20,
        firing: [fires(LOST)],
        texts: {
          alertname: LOST,
          alerts: [
            {
              labels: { severity: 'warning', ...NODE_1 },
              summary: 'conntrack-watchdog on node node-1 missed 1 kernel events',
              description:
                'The kernel dropped 1 conntrack events within 10 minutes, as the receive buffer of conntrack-watchdog on node node-1 was full: breaks may be missing, or be without their cause. First: if there was a flush of the conntrack table (ConntrackMassBreak), that is the thing to stop; else raise --receive-buffer of the agent, which is 64Mi unless set.',
            },
          ],
        },
      },
      { minute: 29.5, firing: [fires(LOST)] },
      { minute: 30, firing: [] },
    ],
  },
  {
    about: LOST,
    name: 'at the first scrape of a new agent, restarted under the same labels or as a new pod',
    series: [
      ...agent(NODE_1, {
        start: `${LONG_AGO} 20m, 1190 40m`,
      }),
      lost('6 20m, 6 40m'),
      ...agent(podOn(NODE_2, 'a'), {
        up: '1 20m, gone 40m',
        start: `${LONG_AGO} 20m, gone 40m`,
      }),
      ...agent(podOn(NODE_2, 'b'), {
        up: 'none 20m, 1 40m',
        start: 'none 20m, 1190 40m',
      }),
      lost('7 20m, gone 40m', podOn(NODE_2, 'a')),
      lost('none 20m, 2 40m', podOn(NODE_2, 'b')),
    ],
    checks: [
      { minute: 19.5, firing: [] },
      {
        minute: 20,
        values: {
          expr: 'conntrack_watchdog:events_lost:increase10m',
          samples: [
            [NODE_1, 6],
            [{ ...NODE_2, namespace: 'conntrack-watchdog' }, 2],
          ],
        },
      },
      { minute: 30, firing: [] },
    ],
  },
  {
    about: LOST,
    name: 'not for old losses: of an old agent a new Prometheus sees, after a gap, after a restart',
    series: [
      ...agent(NODE_1, {
        up: 'none 5m, 1 20m, 0 15m, 1 40m',
        start: `none 5m, ${LONG_AGO} 20m, gone 15m, ${LONG_AGO} 20m, 3590 20m`,
      }),
      lost('none 5m, 9 20m, gone 15m, 9 20m, 0 20m'),
    ],
    checks: [5, 10, 20, 40, 45, 55, 60, 65, 75].map((minute) => ({ minute, firing: [] })),
  },
  {
    about: LOST,
    name: 'what was lost before the agent ended is not forgotten; what came in a gap is told',
    series: [
      ...agent(podOn(NODE_1, 'a'), {
        up: '1 21m, gone 40m',
        start: `${LONG_AGO} 21m, gone 40m`,
      }),
      lost('1 20m, 4 1m, gone 40m', podOn(NODE_1, 'a')),
      ...agent(NODE_2, {
        up: '1 5m, 0 15m, 1 40m',
        start: `${LONG_AGO} 5m, gone 15m, ${LONG_AGO} 40m`,
      }),
      lost('1 5m, gone 15m, 2 40m', NODE_2),
    ],
    checks: [
      {
        minute: 22,
        values: {
          expr: 'conntrack_watchdog:events_lost:increase10m',
          samples: [
            [POD_NODE, 3],
            [NODE_2, 1],
          ],
        },
      },
      { minute: 31, firing: [] },
    ],
  },
  {
    about: BLIND,
    name: 'three minutes, a failed scrape in between; says what to set; ends with it',
    series: [
      ...agent(NODE_1),
      ready('1 20m, 0 20m, 1 20m'),
      condition('subscribed', '1 60m'),
      condition('filter_attached', '1 60m'),
      condition('events_enabled', '1 20m, 0 2m, gone 0.5m, 0 17.5m, 1 20m'),
      condition('first_snapshot', '1 60m'),
    ],
    checks: [
      { minute: 22.5, firing: [] },
      {
        minute: 23,
        firing: [fires(BLIND, { ...NODE_1, condition: 'events_enabled' })],
        texts: {
          alertname: BLIND,
          alerts: [
            {
              labels: { severity: 'critical', ...NODE_1, condition: 'events_enabled' },
              summary: 'conntrack-watchdog on node node-1 sees nothing: events_enabled does not hold',
              description:
                'conntrack-watchdog runs on node node-1, but gets no conntrack events for 3 minutes: broken connections there go unnoticed. Condition events_enabled: net.netfilter.nf_conntrack_events is 0 or cannot be read. First: set it to 1 on the node, and look for what set it to 0 (/etc/sysctl.d).',
            },
          ],
        },
      },
      // No second alert for the same.
      { minute: 39.5, firing: [fires(BLIND, { ...NODE_1, condition: 'events_enabled' })] },
      { minute: 40, firing: [] },
    ],
  },
  {
    about: BLIND,
    name: 'a filter that is not attached, and ends at once with a new pod',
    series: [
      ...agent(podOn(NODE_1, 'a'), {
        up: '1 30m, gone 30m',
        start: `${LONG_AGO} 30m, gone 30m`,
      }),
      ...agent(podOn(NODE_1, 'b'), {
        up: 'none 30m, 1 30m',
        start: 'none 30m, 1790 30m',
      }),
      condition('filter_attached', '1 10m, 0 20m, gone 30m', podOn(NODE_1, 'a')),
      condition('filter_attached', 'none 30m, 1 30m', podOn(NODE_1, 'b')),
    ],
    checks: [
      {
        minute: 29.5,
        texts: {
          alertname: BLIND,
          alerts: [
            {
              labels: { severity: 'critical', ...POD_NODE, condition: 'filter_attached' },
              summary: 'conntrack-watchdog on node node-1 sees nothing: filter_attached does not hold',
              description:
                "conntrack-watchdog runs on node node-1, but gets no conntrack events for 3 minutes: broken connections there go unnoticed. Condition filter_attached: the kernel refused the agent. First: read the agent's log, and check that its container has the capability NET_ADMIN and the host's network.",
            },
          ],
        },
      },
      { minute: 30, firing: [] },
    ],
  },
  {
    about: BLIND,
    name: 'not while it starts, not for names or snapshots',
    series: [
      ...agent(NODE_1),
      condition('subscribed', '0 3m, 1 60m'),
      condition('first_snapshot', '0 14m'),
      condition('topology_synced', '0 14m'),
      ready('0 14m'),
    ],
    checks: [2.5, 3, 5, 13].map((minute) => ({ minute, firing: [] })),
  },
  {
    about: NOT_READY,
    name: 'a quarter of an hour, a failed scrape in between; says what does not hold; ends with it',
    series: [
      ...agent(NODE_1),
      ready('1 10m, 0 5m, gone 0.5m, 0 14.5m, 1 30m'),
      condition('subscribed', '1 60m'),
      condition('topology_synced', '1 10m, 0 20m, 1 30m'),
    ],
    checks: [
      { minute: 24.5, firing: [] },
      {
        minute: 25,
        firing: [fires(NOT_READY)],
        texts: {
          alertname: NOT_READY,
          alerts: [
            {
              labels: { severity: 'warning', ...NODE_1 },
              summary: 'conntrack-watchdog on node node-1 is not ready for 15 minutes',
              description:
                'conntrack-watchdog on node node-1 is not ready for 15 minutes; what does not hold: topology_synced; It finds broken connections all the same, but causes (first_snapshot) or names (topology_synced) may be missing. First: read /readyz of that agent, which gives the reasons in words.',
            },
          ],
        },
      },
      { minute: 29.5, firing: [fires(NOT_READY)] },
      { minute: 30, firing: [] },
    ],
  },
  {
    about: NOT_READY,
    name: 'not for fourteen minutes, not on and off',
    series: [
      ...agent(NODE_1),
      ready('0 14m, 1 0.5m, 0 14m, 1 30m'),
      condition('topology_synced', '0 30m, 1 30m'),
    ],
    checks: [13.5, 14, 20, 28, 40].map((minute) => ({ minute, firing: [] })),
  },
];
