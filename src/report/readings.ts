import type { Registry } from 'prom-client';
import type { AuditReadings } from './audit-gauges.ts';
import { addCounter, addGauge } from './metric-series.ts';
import {
  FLOW_TABLES,
  type FlowTable,
  KERNEL_STATS,
  KUBERNETES_EVENT_RESULTS,
  type KubernetesEventResult,
  RESYNC_REASONS,
  type ReadyCondition,
  type ResyncReason,
  SNAPSHOT_RESULTS,
  type SnapshotResult,
  TOPOLOGY_RESOURCES,
  type TopologyResource,
} from './metric-table.ts';

/** What a scrape asks the rest of the agent for. What cannot be read is undefined: no series then, not a 0. */
export interface Readings {
  /** Events the kernel dropped since the agent started; only ever grows. */
  readonly eventsLost: number | undefined;
  readonly tableEntries: number | undefined;
  readonly tableLimit: number | undefined;
  /** Sysctls by the last part of their name, `nf_conntrack_events`. */
  readonly kernelSettings: Readonly<Record<string, number | undefined>>;
  /** What /readyz wants, and whether it holds. */
  readonly readyConditions: readonly (readonly [name: ReadyCondition, holds: boolean])[];
  /** `evictions` since the agent started; only ever grows. */
  readonly flowTables: Readonly<Record<FlowTable, { readonly entries: number; readonly evictions: number }>>;
  /** Undefined before the first complete snapshot, and without snapshots. */
  readonly audit: AuditReadings | undefined;
  readonly snapshot: SnapshotReadings;
  /** Totals by KERNEL_STATS, all processors together; other names are ignored. */
  readonly kernelStats: Readonly<Record<string, number | undefined>>;
  /** Undefined when names do not come from the API server. */
  readonly topology: TopologyReadings | undefined;
  /** Since the agent started; only ever grow. Undefined without `--emit-events`. */
  readonly kubernetesEvents: Readonly<Record<KubernetesEventResult, number>> | undefined;
}

export interface TopologyReadings {
  readonly synced: Readonly<Record<TopologyResource, boolean>>;
  /** Since the agent started; only ever grow. */
  readonly errors: Readonly<Record<TopologyResource, number>>;
}

export interface SnapshotReadings {
  /** Open translated TCP flows in the last complete snapshot. */
  readonly flows: number | undefined;
  readonly durationSeconds: number | undefined;
  readonly blindEntries: number | undefined;
  /** Since the agent started; only ever grow. */
  readonly results: Readonly<Record<SnapshotResult, number>>;
  readonly resyncs: Readonly<Record<ResyncReason, number>>;
}

/** Adds the metrics that are read and not counted, but for the audit's (audit-gauges.ts). Returns the function that shows a scrape's readings in them. */
export function addReadings(registry: Registry): (readings: Readings) => void {
  const eventsLost = addCounter(registry, 'events_lost_total');
  const tableEntries = addGauge(registry, 'table_entries');
  const tableLimit = addGauge(registry, 'table_limit');
  const kernelSetting = addGauge(registry, 'kernel_setting');
  const ready = addGauge(registry, 'ready');
  const readyCondition = addGauge(registry, 'ready_condition');
  const flowTableEntries = addGauge(registry, 'flow_table_entries');
  const flowTableEvictions = addCounter(registry, 'flow_table_evictions_total');
  const snapshotFlows = addGauge(registry, 'snapshot_flows');
  const snapshotDuration = addGauge(registry, 'snapshot_duration_seconds');
  const blindEntries = addGauge(registry, 'blind_entries');
  const snapshots = addCounter(registry, 'snapshots_total');
  const resyncs = addCounter(registry, 'resyncs_total');
  const kernelStats = addCounter(registry, 'kernel_stat_total');

  const topologySynced = addGauge(registry, 'topology_synced');
  const topologyErrors = addCounter(registry, 'topology_errors_total');
  const kubernetesEvents = addCounter(registry, 'kubernetes_events_total');

  return (readings) => {
    eventsLost.replace([[{}, readings.eventsLost]]);
    tableEntries.replace([[{}, readings.tableEntries]]);
    tableLimit.replace([[{}, readings.tableLimit]]);
    const settings = Object.entries(readings.kernelSettings);
    kernelSetting.replace(settings.map(([name, value]) => [{ name }, value] as const));
    ready.replace([[{}, readings.readyConditions.every(([, holds]) => holds) ? 1 : 0]]);
    readyCondition.replace(
      readings.readyConditions.map(([condition, holds]) => [{ condition }, holds ? 1 : 0] as const),
    );
    const tables = FLOW_TABLES.map((table) => ({ table, ...readings.flowTables[table] }));
    flowTableEntries.replace(tables.map(({ table, entries }) => [{ table }, entries] as const));
    flowTableEvictions.replace(tables.map(({ table, evictions }) => [{ table }, evictions] as const));
    const { snapshot } = readings;
    snapshotFlows.replace([[{}, snapshot.flows]]);
    snapshotDuration.replace([[{}, snapshot.durationSeconds]]);
    blindEntries.replace([[{}, snapshot.blindEntries]]);
    snapshots.replace(SNAPSHOT_RESULTS.map((result) => [{ result }, snapshot.results[result]] as const));
    resyncs.replace(RESYNC_REASONS.map((reason) => [{ reason }, snapshot.resyncs[reason]] as const));
    const { topology } = readings;
    const resources = topology ? TOPOLOGY_RESOURCES : [];
    topologySynced.replace(
      resources.map((resource) => [{ resource }, topology?.synced[resource] ? 1 : 0] as const),
    );
    topologyErrors.replace(resources.map((resource) => [{ resource }, topology?.errors[resource]] as const));
    const events = readings.kubernetesEvents;
    kubernetesEvents.replace(
      KUBERNETES_EVENT_RESULTS.map((result) => [{ result }, events?.[result]] as const),
    );
    kernelStats.replace(KERNEL_STATS.map((stat) => [{ stat }, readings.kernelStats[stat]] as const));
  };
}
