/** What every panel has, whatever shows it. */
import type { Dataquery as AnyQuery, Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { DATASOURCE } from './datasource.ts';

/** Below this a bar of a graph would be shorter than the time between two scrapes. */
const SHORTEST_STEP = '1m';

export interface PanelSpec {
  readonly title: string;
  /** What it means, and what to do about it. */
  readonly description: string;
  readonly unit: string;
  readonly decimals?: number;
  /** Said instead of "No data". */
  readonly noValue?: string;
  readonly queries: readonly QuerySpec[];
}

export interface QuerySpec {
  readonly expr: string;
  readonly legend?: string;
}

/** `now`: one value at the end of the time range; `table`: the same with labels as columns. */
export type QueryKind = 'series' | 'now' | 'table' | 'heatmap' | 'heatmap now';

interface PanelBuilder {
  title(text: string): unknown;
  description(text: string): unknown;
  datasource(source: DataSourceRef): unknown;
  unit(unit: string): unknown;
  decimals(decimals: number): unknown;
  noValue(text: string): unknown;
  interval(interval: string): unknown;
  withTarget(query: Builder<AnyQuery>): unknown;
}

export function describe<B extends PanelBuilder>(builder: B, spec: PanelSpec, kind: QueryKind): B {
  builder.title(spec.title);
  builder.description(spec.description);
  builder.datasource(DATASOURCE);
  builder.unit(spec.unit);
  builder.interval(SHORTEST_STEP);
  if (spec.decimals !== undefined) builder.decimals(spec.decimals);
  if (spec.noValue !== undefined) builder.noValue(spec.noValue);
  for (const [index, query] of spec.queries.entries()) {
    builder.withTarget(queryOf(query, String.fromCharCode('A'.charCodeAt(0) + index), kind));
  }
  return builder;
}

function queryOf({ expr, legend }: QuerySpec, refId: string, kind: QueryKind): DataqueryBuilder {
  const query = new DataqueryBuilder().expr(expr).refId(refId).datasource(DATASOURCE);
  if (legend !== undefined) query.legendFormat(legend);
  if (kind === 'table') query.format(PromQueryFormat.Table);
  if (kind.startsWith('heatmap')) query.format(PromQueryFormat.Heatmap);
  return kind === 'series' || kind === 'heatmap' ? query.range() : query.instant();
}
