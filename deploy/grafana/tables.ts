import { TableSortByFieldStateBuilder } from '@grafana/grafana-foundation-sdk/common';
import type { DataTransformerConfig, DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { describe, type PanelSpec } from './panel.ts';

/** A column: what the query calls it, its heading, and how its cells look. */
export interface Column {
  /** A label; `Value`, or with several queries `Value #A` and so on. */
  readonly field: string;
  readonly heading: string;
  readonly look?: readonly DynamicConfigValue[];
}

export interface TableSpec extends Omit<PanelSpec, 'unit' | 'decimals' | 'noValue'> {
  /** What it means that there are no rows. */
  readonly none?: string;
  /** In their order. Any other column is left out. */
  readonly columns: readonly Column[];
  /** By which heading the rows are sorted; the largest come first unless `ascending`. */
  readonly sortBy: string;
  readonly ascending?: boolean;
  /** What happens to the columns before they are put in order. */
  readonly before?: readonly DataTransformerConfig[];
}

/**
 * Values at the end of the time range. Rows of several queries with the same labels are one row. Columns are words,
 * unless they say their unit: with another one Grafana would write port 6379 as 6,379. Nor is there a text for no data:
 * it would stand in each empty cell.
 */
export function table({ columns, sortBy, ascending = false, before = [], none, ...spec }: TableSpec): Table {
  const description = none === undefined ? spec.description : `${spec.description} No data: ${none}.`;
  const panel = describe(new Table(), { ...spec, description, unit: 'string' }, 'table')
    .showHeader(true)
    .sortBy([new TableSortByFieldStateBuilder().displayName(sortBy).desc(!ascending)]);
  if (spec.queries.length > 1) panel.withTransformation({ id: 'merge', options: {} });
  for (const transformation of before) panel.withTransformation(transformation);
  panel.withTransformation({
    id: 'filterFieldsByName',
    options: { include: { names: columns.map(fieldOf) } },
  });
  panel.withTransformation({
    id: 'organize',
    options: {
      excludeByName: {},
      indexByName: Object.fromEntries(columns.map(({ field }, index) => [field, index])),
      renameByName: Object.fromEntries(columns.map(({ field, heading }) => [field, heading])),
    },
  });
  for (const { heading, look = [] } of columns) {
    if (look.length > 0) panel.overrideByName(heading, [...look]);
  }
  return panel;
}

function fieldOf({ field }: Column): string {
  return field;
}
