import type { Registry } from 'prom-client';
import { addCounter, addGauge } from './metric-series.ts';
import { FLOW_TABLES, type FlowTable } from './metric-table.ts';

/** What a scrape asks the rest of the agent for. What cannot be read is undefined: no series then, not a 0. */
export interface Readings {
  /** Events the kernel dropped since the agent started; only ever grows. */
  readonly eventsLost: number | undefined;
  readonly tableEntries: number | undefined;
  readonly tableLimit: number | undefined;
  /** Sysctls by the last part of their name, `nf_conntrack_events`. */
  readonly kernelSettings: Readonly<Record<string, number | undefined>>;
  readonly ready: boolean;
  /** `evictions` since the agent started; only ever grows. */
  readonly flowTables: Readonly<Record<FlowTable, { readonly entries: number; readonly evictions: number }>>;
}

/** Adds the metrics that are read and not counted. Returns the function that shows a scrape's readings in them. */
export function addReadings(registry: Registry): (readings: Readings) => void {
  const eventsLost = addCounter(registry, 'events_lost_total');
  const tableEntries = addGauge(registry, 'table_entries');
  const tableLimit = addGauge(registry, 'table_limit');
  const kernelSetting = addGauge(registry, 'kernel_setting');
  const ready = addGauge(registry, 'ready');
  const flowTableEntries = addGauge(registry, 'flow_table_entries');
  const flowTableEvictions = addCounter(registry, 'flow_table_evictions_total');

  return (readings) => {
    eventsLost.replace([[{}, readings.eventsLost]]);
    tableEntries.replace([[{}, readings.tableEntries]]);
    tableLimit.replace([[{}, readings.tableLimit]]);
    const settings = Object.entries(readings.kernelSettings);
    kernelSetting.replace(settings.map(([name, value]) => [{ name }, value] as const));
    ready.replace([[{}, readings.ready ? 1 : 0]]);
    const tables = FLOW_TABLES.map((table) => ({ table, ...readings.flowTables[table] }));
    flowTableEntries.replace(tables.map(({ table, entries }) => [{ table }, entries] as const));
    flowTableEvictions.replace(tables.map(({ table, evictions }) => [{ table }, evictions] as const));
  };
}
