/** Columns that several tables have. */
import { CAUSE_COLORS, OUTCOME_COLORS } from './colors.ts';
import { COUNT, unit, words } from './fields.ts';
import { nodeOfCell, serviceOfCell } from './links.ts';
import type { Column } from './tables.ts';

export const SERVICE_LABELS = ['service_namespace', 'service_name', 'service_port'];
export const CLIENT_LABELS = ['client_namespace', 'client_workload'];
export const SERVICE_LEGEND = '{{service_namespace}}/{{service_name}}:{{service_port}}';
export const CLIENT_LEGEND = '{{client_namespace}}/{{client_workload}}';

export const SERVICE_COLUMNS: readonly Column[] = [
  { field: 'service_namespace', heading: 'Service namespace' },
  { field: 'service_name', heading: 'Service', look: [serviceOfCell] },
  { field: 'service_port', heading: 'Port', look: [{ id: 'custom.width', value: 70 }] },
];
export const CLIENT_COLUMNS: readonly Column[] = [
  { field: 'client_namespace', heading: 'Client namespace' },
  { field: 'client_workload', heading: 'Client workload' },
];
export const NODE_COLUMN: Column = { field: 'instance', heading: 'Node', look: [nodeOfCell] };
export const CAUSE_COLUMN: Column = { field: 'cause', heading: 'Cause', look: wordColors(CAUSE_COLORS) };
export const OUTCOME_COLUMN: Column = {
  field: 'outcome',
  heading: 'Outcome',
  look: wordColors(OUTCOME_COLORS),
};

export function countColumn(heading: string, field = 'Value'): Column {
  return { field, heading, look: [unit(COUNT), { id: 'decimals', value: 0 }] };
}

/** Words in their colours, as in the graphs. */
export function wordColors(colors: Readonly<Record<string, string>>) {
  const table = Object.fromEntries(
    Object.entries(colors).map(([word, color]) => [word, [word, color] as const]),
  );
  return [
    { id: 'mappings', value: words(table) },
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
  ];
}
