import type { Cause, Mapping, Outcome, Sender, Verdict } from '../model/finding.ts';

export const PREFIX = 'conntrack_watchdog_';

/** The detector's tables that are keyed by traffic. */
export const FLOW_TABLES = ['lost', 'unconfirmed', 'pending', 'broken'] as const;
export type FlowTable = (typeof FLOW_TABLES)[number];

export const EVENT_TYPES = ['new', 'destroy'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What each label may hold. Text from the cluster or the network is a string here, closed lists are not. */
export interface LabelValues {
  service_namespace: string;
  service_name: string;
  service_port: string;
  client_namespace: string;
  client_workload: string;
  cause: Cause;
  outcome: Outcome;
  sender: Sender;
  verdict: Verdict;
  mapping: Mapping;
  type: EventType;
  table: FlowTable;
  reason: string;
  name: string;
  version: string;
  node_version: string;
}

const SERVICE = ['service_namespace', 'service_name', 'service_port'] as const;
const CLIENT = ['client_namespace', 'client_workload'] as const;

interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly (keyof LabelValues)[];
  readonly buckets?: readonly number[];
}

/** Every metric of the agent but those of the Node.js process, by its name without the prefix. */
export const METRICS = {
  broken_connections_total: {
    type: 'counter',
    help: 'Connections broken because their conntrack entry was lost while they were open.',
    labels: [...SERVICE, ...CLIENT, 'cause', 'outcome', 'sender'],
  },
  pickups_total: {
    type: 'counter',
    help: 'Packets in the middle of a connection that made a new conntrack entry, by what became of them.',
    labels: [...SERVICE, 'verdict', 'mapping'],
  },
  lost_entries_total: {
    type: 'counter',
    help: 'Conntrack entries that went away under an open connection, used again or not.',
    labels: [...SERVICE, 'cause'],
  },
  broken_connection_idle_seconds: {
    type: 'histogram',
    help: 'Time without a packet before a broken connection was used again, where it is known.',
    labels: SERVICE,
    // The odd ones are timeouts people meet: 240 Azure, 350 AWS, 600 GCE load balancers, 900 IPVS,
    // 7200 TCP keepalive, 86400 conntrack under kube-proxy, 432000 conntrack.
    buckets: [
      1, 5, 15, 60, 240, 300, 350, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 172_800, 432_000,
    ],
  },
  events_total: {
    type: 'counter',
    help: 'Conntrack events received: only those that can be evidence, the kernel keeps back the rest.',
    labels: ['type'],
  },
  events_lost_total: {
    type: 'counter',
    help: 'Conntrack events the kernel dropped because the receive buffer was full.',
    labels: [],
  },
  messages_malformed_total: {
    type: 'counter',
    help: 'Netlink messages that could not be decoded and were skipped.',
    labels: ['reason'],
  },
  log_lines_held_back_total: {
    type: 'counter',
    help: 'Log lines left out to keep a flood out of the log. The counters are exact all the same.',
    labels: [],
  },
  flow_table_entries: {
    type: 'gauge',
    help: 'Connections the agent keeps in mind, by table.',
    labels: ['table'],
  },
  flow_table_evictions_total: {
    type: 'counter',
    help: 'Connections the agent forgot early because a table was full: their breaks may lack the cause.',
    labels: ['table'],
  },
  table_entries: { type: 'gauge', help: 'Entries in the conntrack table of the kernel.', labels: [] },
  table_limit: {
    type: 'gauge',
    help: 'Entries the conntrack table of the kernel may have (nf_conntrack_max).',
    labels: [],
  },
  kernel_setting: {
    type: 'gauge',
    help: 'Sysctls under net.netfilter that decide what breaks and what can be seen.',
    labels: ['name'],
  },
  ready: { type: 'gauge', help: 'Whether /readyz says ready: 1 or 0.', labels: [] },
  build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs here.',
    labels: ['version', 'node_version'],
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;

/** The whole label record of a metric: with one label missing prom-client would start a second series. */
export type LabelsOf<N extends MetricName> = Pick<LabelValues, (typeof METRICS)[N]['labels'][number]>;
