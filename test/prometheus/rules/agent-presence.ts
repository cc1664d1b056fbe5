import { agent, NODE_1, NODE_2, POD_NODE, podOn } from './agents.ts';
import { type Labels, LONG_AGO, type Over, type RuleCase, type Series } from './rule-case.ts';

const DOWN = 'ConntrackWatchdogDown';
const ABSENT = 'ConntrackWatchdogAbsent';

const down = (labels: Labels): Labels => ({ alertname: DOWN, severity: 'warning', ...labels });
const absent: Labels = { alertname: ABSENT, severity: 'critical', job: 'conntrack-watchdog' };

/** As kube-state-metrics has it. */
const KSM: Labels = { job: 'kube-state-metrics', instance: '10.0.0.9:8080', namespace: 'conntrack-watchdog' };
const podInfo = (pod: string, node: string, labels: Labels = {}): Series => ({
  name: 'kube_pod_info',
  labels: {
    ...KSM,
    pod,
    node,
    created_by_kind: 'DaemonSet',
    created_by_name: 'conntrack-watchdog',
    ...labels,
  },
  over: '1 60m',
});
const podReady = (pod: string, over: Over): Series => ({
  name: 'kube_pod_status_ready',
  labels: { ...KSM, pod, condition: 'true' },
  over,
});
const scheduled = (which: 'desired' | 'current', over: Over): Series => ({
  name: `kube_daemonset_status_${which}_number_scheduled`,
  labels: { ...KSM, daemonset: 'conntrack-watchdog' },
  over,
});

export const AGENT_PRESENCE: readonly RuleCase[] = [
  {
    about: DOWN,
    name: 'five minutes without a scrape that works; ends with the first',
    series: [
      ...agent(NODE_1, {
        up: '1 10m, 0 10m, 1 20m',
        start: `${LONG_AGO} 10m`,
      }),
      ...agent(NODE_2),
    ],
    checks: [
      { minute: 14.5, firing: [] },
      {
        minute: 15,
        firing: [down(NODE_1)],
        texts: {
          alertname: DOWN,
          alerts: [
            {
              labels: { severity: 'warning', ...NODE_1 },
              summary: 'conntrack-watchdog on node node-1 is down',
              description:
                'Prometheus cannot scrape conntrack-watchdog on node node-1 for 5 minutes: broken connections there go unnoticed. First: see whether the node is up, and whether the pod on it runs (kubectl -n conntrack-watchdog get pods -o wide); if it does, port 9469 of the node is closed to Prometheus.',
            },
          ],
        },
      },
      { minute: 19.5, firing: [down(NODE_1)] },
      { minute: 20, firing: [] },
    ],
  },
  {
    about: DOWN,
    name: 'pods that end over and over, each with a name of its own, are one outage',
    series: [
      ...agent(podOn(NODE_1, 'a'), {
        up: '1 10m, 0 3m, gone 20m',
        start: `${LONG_AGO} 10m`,
      }),
      {
        name: 'up',
        labels: podOn(NODE_1, 'b'),
        over: 'none 13m, 0 20m',
      },
      ...agent(NODE_2),
    ],
    checks: [
      { minute: 14.5, firing: [] },
      { minute: 15, firing: [down(POD_NODE)] },
    ],
  },
  {
    about: DOWN,
    name: 'not for four minutes, not for a node that was taken away, not for a pod replaced',
    series: [
      ...agent(NODE_1, {
        up: '1 10m, 0 4.5m, 1 40m',
        start: `${LONG_AGO} 10m`,
      }),
      ...agent(NODE_2, {
        up: '1 10m, 0 2m, gone 40m',
        start: `${LONG_AGO} 10m`,
      }),
      ...agent(podOn(NODE_2, 'a'), {
        up: '1 20m, 0 2m, gone 30m',
        start: `${LONG_AGO} 20m`,
      }),
      ...agent(podOn(NODE_2, 'b'), {
        up: 'none 21m, 1 30m',
        start: 'none 21m, 1250 30m',
      }),
    ],
    checks: [14, 16, 22, 28, 40].map((minute) => ({ minute, firing: [] })),
  },
  {
    about: DOWN,
    name: 'kube-state-metrics knows nodes whose pod is not ready and is no target; one alert a node',
    series: [
      ...agent(NODE_2),
      podInfo('a', 'node-1'),
      podReady('a', '0 20m, 1 40m'),
      podInfo('b', 'node-2'),
      // Not ready, but scraped: ConntrackWatchdogNotReady tells.
      podReady('b', '0 60m'),
      podInfo('other', 'node-3', { created_by_name: 'kube-proxy' }),
      podReady('other', '0 60m'),
    ],
    checks: [
      { minute: 4.5, firing: [] },
      {
        minute: 5,
        firing: [down({ node: 'node-1' })],
        texts: {
          alertname: DOWN,
          alerts: [
            {
              labels: { severity: 'warning', node: 'node-1' },
              summary: 'conntrack-watchdog on node node-1 is down',
              description:
                'The pod of conntrack-watchdog on node node-1 is not ready for 5 minutes, and Prometheus has no such target: broken connections there go unnoticed. First: kubectl -n conntrack-watchdog describe pod says what it waits for.',
            },
          ],
        },
      },
      { minute: 20, firing: [] },
    ],
  },
  {
    about: DOWN,
    name: 'and pods that could not even be made',
    series: [...agent(NODE_1), scheduled('desired', '5 60m'), scheduled('current', '5 10m, 2 10m, 5 40m')],
    checks: [
      { minute: 14.5, firing: [] },
      {
        minute: 15,
        firing: [down({ namespace: 'conntrack-watchdog', daemonset: 'conntrack-watchdog' })],
        texts: {
          alertname: DOWN,
          alerts: [
            {
              labels: {
                severity: 'warning',
                namespace: 'conntrack-watchdog',
                daemonset: 'conntrack-watchdog',
              },
              summary: '3 node(s) are without conntrack-watchdog',
              description:
                'The DaemonSet lacks 3 pod(s) for 5 minutes: broken connections on those nodes go unnoticed. First: kubectl -n conntrack-watchdog describe daemonset conntrack-watchdog says why they cannot be made.',
            },
          ],
        },
      },
      { minute: 20, firing: [] },
    ],
  },
  {
    about: ABSENT,
    name: 'no target for ten minutes; ends with the first that works',
    series: [
      { name: 'up', labels: { job: 'other', instance: 'x' }, over: '1 60m' },
      ...agent(NODE_1, {
        up: 'none 20m, 1 40m',
        start: 'none 20m, 1190 40m',
      }),
    ],
    checks: [
      { minute: 9.5, firing: [] },
      {
        minute: 10,
        firing: [absent],
        texts: {
          alertname: ABSENT,
          alerts: [
            {
              labels: { severity: 'critical', job: 'conntrack-watchdog' },
              summary: 'Prometheus scrapes no conntrack-watchdog at all',
              description:
                'For 10 minutes no agent of job conntrack-watchdog could be scraped, on no node: broken connections go unnoticed everywhere. Prometheus knows no such target. First: see whether the DaemonSet has pods (kubectl -n conntrack-watchdog get daemonset), and whether Prometheus has the job (the PodMonitor has to match its selectors).',
            },
          ],
        },
      },
      { minute: 20, firing: [] },
    ],
  },
  {
    about: ABSENT,
    name: 'all targets down',
    series: [
      ...agent(NODE_1, { up: '0 60m', start: 'none 60m' }),
      ...agent(NODE_2, { up: '0 60m', start: 'none 60m' }),
    ],
    checks: [
      {
        minute: 10,
        firing: [absent, down(NODE_1), down(NODE_2)],
        texts: {
          alertname: ABSENT,
          alerts: [
            {
              labels: { severity: 'critical', job: 'conntrack-watchdog' },
              summary: 'Prometheus scrapes no conntrack-watchdog at all',
              description:
                'For 10 minutes no agent of job conntrack-watchdog could be scraped, on no node: broken connections go unnoticed everywhere. Prometheus knows 2 target(s), and all are down. First: see whether port 9469 of the nodes is closed to Prometheus.',
            },
          ],
        },
      },
    ],
  },
  {
    about: ABSENT,
    name: 'not while one of them works, not for a gap of nine minutes',
    series: [
      ...agent(NODE_1, { up: '0 60m', start: 'none 60m' }),
      ...agent(NODE_2, {
        up: '1 10m, 0 9.5m, 1 40m',
        start: `${LONG_AGO} 10m, gone 9.5m, ${LONG_AGO} 40m`,
      }),
    ],
    checks: [
      { minute: 9, firing: [down(NODE_1)] },
      { minute: 19, firing: [down(NODE_1), down(NODE_2)] },
      { minute: 30, firing: [down(NODE_1)] },
    ],
  },
];
