import type { Cause, Mapping, Outcome, Sender, Verdict } from '../model/finding.ts';
import type { RenewalResult } from '../model/protection.ts';

export const PREFIX = 'conntrack_watchdog_';

/** Tables that are keyed by traffic: the detector's, and the flows of the last snapshots with those remembered. */
export const FLOW_TABLES = ['lost', 'unconfirmed', 'pending', 'broken', 'snapshot'] as const;
export type FlowTable = (typeof FLOW_TABLES)[number];

export const EVENT_TYPES = ['new', 'destroy'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Why a snapshot was taken out of turn: events were lost; or `nf_conntrack_events` is on again. */
export const RESYNC_REASONS = ['events_lost', 'events_enabled'] as const;
export type ResyncReason = (typeof RESYNC_REASONS)[number];

/** `interrupted`: the table changed under the reading, and entries may be missing. */
export const SNAPSHOT_RESULTS = ['complete', 'interrupted', 'failed'] as const;
export type SnapshotResult = (typeof SNAPSHOT_RESULTS)[number];

/** Columns of `conntrack -S`, enum ctattr_stats_cpu in linux/netfilter/nfnetlink_conntrack.h. */
export const KERNEL_STATS = ['drop', 'early_drop', 'insert_failed', 'invalid'] as const;
export type KernelStat = (typeof KERNEL_STATS)[number];

/** What is watched at the API server. */
export const TOPOLOGY_RESOURCES = ['services', 'endpointslices', 'pods'] as const;
export type TopologyResource = (typeof TOPOLOGY_RESOURCES)[number];

/** What /readyz wants; the last only where names come from the API server. */
export const READY_CONDITIONS = [
  'subscribed',
  'filter_attached',
  'events_enabled',
  'first_snapshot',
  'topology_synced',
] as const;
export type ReadyCondition = (typeof READY_CONDITIONS)[number];

/** What became of Kubernetes Events: requests to the API server; `held_back`: breaks that no Event tells of. */
export const KUBERNETES_EVENT_RESULTS = ['created', 'updated', 'failed', 'held_back'] as const;
export type KubernetesEventResult = (typeof KUBERNETES_EVENT_RESULTS)[number];

/** Labels that have limits (label-limits.ts): beyond them the value is `other`. */
export const OVERFLOW_LABELS = ['service', 'client'] as const;
export type OverflowLabel = (typeof OVERFLOW_LABELS)[number];

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
  result: SnapshotResult | KubernetesEventResult | RenewalResult;
  stat: KernelStat;
  resource: TopologyResource;
  condition: ReadyCondition;
  label: OverflowLabel;
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
  service_connections: {
    type: 'gauge',
    help: 'Open connections through a Service in the last complete snapshot.',
    labels: SERVICE,
  },
  connections_at_risk: {
    type: 'gauge',
    help: 'Open connections that break if they stay idle, by why no keepalive prevents it; protected: their entries are renewed, so they do not.',
    labels: [...SERVICE, ...CLIENT, 'reason'],
  },
  protected_connections: {
    type: 'gauge',
    help: 'Open connections whose conntrack entry is renewed before it expires (--protect renew).',
    labels: [...SERVICE, ...CLIENT],
  },
  renewals_total: {
    type: 'counter',
    help: 'Conntrack entries that were due to be renewed, by what came of it.',
    labels: [...SERVICE, 'result'],
  },
  renewals_skipped_total: {
    type: 'counter',
    help: 'Conntrack entries that were due to be renewed and are left to expire, by why; limit counts them in each round.',
    labels: ['reason'],
  },
  next_expiry_seconds: {
    type: 'gauge',
    help: 'Time until the first connection at risk of this Service loses its entry if it stays idle.',
    labels: SERVICE,
  },
  snapshot_flows: {
    type: 'gauge',
    help: 'Open translated TCP flows in the last complete snapshot of the conntrack table.',
    labels: [],
  },
  snapshot_duration_seconds: {
    type: 'gauge',
    help: 'Time the last complete snapshot took.',
    labels: [],
  },
  blind_entries: {
    type: 'gauge',
    help: 'Open translated flows that will send no event when they go: made while nobody listened.',
    labels: [],
  },
  snapshots_total: {
    type: 'counter',
    help: 'Snapshots of the conntrack table, by how they ended.',
    labels: ['result'],
  },
  resyncs_total: {
    type: 'counter',
    help: 'Snapshots taken out of turn because events were missed, by why.',
    labels: ['reason'],
  },
  label_overflows_total: {
    type: 'counter',
    help: 'Lost entries and pickups counted under the Service other, broken connections counted under the client other, because the limit of different label values was reached; each once.',
    labels: ['label'],
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
  kernel_stat_total: {
    type: 'counter',
    help: 'What connection tracking dropped, could not insert or found invalid, all processors together (conntrack -S).',
    labels: ['stat'],
  },
  topology_synced: {
    type: 'gauge',
    help: 'Whether these objects are known and kept up to date: 1, or 0 when names may be missing or old.',
    labels: ['resource'],
  },
  topology_errors_total: {
    type: 'counter',
    help: 'Failed requests to the API server, broken watches, and objects that could not be understood.',
    labels: ['resource'],
  },
  kubernetes_events_total: {
    type: 'counter',
    help: 'Kubernetes Events on client pods: made, updated with a new count, and requests that failed; held_back counts broken connections that no Event tells of.',
    labels: ['result'],
  },
  ready: { type: 'gauge', help: 'Whether /readyz says ready: 1 or 0.', labels: [] },
  ready_condition: {
    type: 'gauge',
    help: 'Whether this condition of /readyz holds: 1 or 0. Ready is when all of them do.',
    labels: ['condition'],
  },
  build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs here.',
    labels: ['version', 'node_version'],
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;

/** The whole label record of a metric: with one label missing prom-client would start a second series. */
export type LabelsOf<N extends MetricName> = Pick<LabelValues, (typeof METRICS)[N]['labels'][number]>;
