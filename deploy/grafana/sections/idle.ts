import {
  AxisPlacement,
  HeatmapCellLayout,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  CellValuesBuilder,
  PanelBuilder as Heatmap,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  HeatmapColorScale,
  RowsHeatmapOptionsBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { ORANGE } from '../colors.ts';
import { countColumn } from '../columns.ts';
import { RANGE, STEP, sumIn } from '../count-in.ts';
import { COUNT, SECONDS, unit } from '../fields.ts';
import type { Section } from '../layout.ts';
import { bucketBars } from '../numbers.ts';
import { describe } from '../panel.ts';
import type { Scope } from '../scope.ts';
import { table } from '../tables.ts';
import { bucketNames, TIMEOUT_LIST } from './idle-buckets.ts';

const BUCKETS = 'broken_connection_idle_seconds_bucket';
const NONE = 'No broken connection was seen whose idle time is known';

/** How long connections were idle before they broke: it tells which timeout they ran into. */
export function idleTimes(scope: Scope): Section {
  return {
    title: 'Idle time before the break',
    lines: [
      {
        height: 12,
        panels: [
          [11, overTime(scope)],
          [8, inAll(scope)],
          [5, establishedTimeouts(scope)],
        ],
      },
    ],
  };
}

function overTime(scope: Scope) {
  const spec = {
    title: 'Idle time before the break',
    description:
      'How long each broken connection had been without a packet, where that is known. The lowest row with many breaks ' +
      'begins at the timeout that is at fault: set TCP_KEEPIDLE, or the idle limit of the connection pool, below it. ' +
      `Timeouts people meet: ${TIMEOUT_LIST}. Breaks in all rows at the same moment are a flush, not a timeout.`,
    unit: COUNT,
    decimals: 0,
    noValue: NONE,
    queries: [{ expr: sumIn(['le'], STEP, scope, BUCKETS), legend: '{{le}}' }],
  };
  return describe(new Heatmap(), spec, 'heatmap')
    .calculate(false)
    .rowsFrame(new RowsHeatmapOptionsBuilder().layout(HeatmapCellLayout.Auto))
    .scaleDistribution(new ScaleDistributionConfigBuilder().type(ScaleDistribution.Linear))
    .yAxis(
      new YAxisConfigBuilder().unit(SECONDS).axisPlacement(AxisPlacement.Left).axisLabel('idle for up to'),
    )
    .cellValues(new CellValuesBuilder().unit(COUNT).decimals(0))
    .color(
      new HeatmapColorOptionsBuilder()
        .mode(HeatmapColorMode.Scheme)
        .scheme('Oranges')
        .fill(ORANGE)
        .scale(HeatmapColorScale.Exponential)
        .exponent(0.5)
        .steps(64)
        .reverse(false),
    );
}

function inAll(scope: Scope) {
  const panel = bucketBars(
    {
      title: 'Idle time before the break, in all',
      description:
        'All breaks of the time range by how long the connection had been idle. "past" names a timeout that those in this ' +
        'row, and in all rows below it, had just or long exceeded.',
      unit: COUNT,
      decimals: 0,
      noValue: NONE,
      expr: sumIn(['le'], RANGE, scope, BUCKETS),
    },
    ORANGE,
  );
  for (const { le, name } of bucketNames()) {
    // Prometheus 3 writes 60 as 60.0.
    const pattern = `/^${le.replace('+', '\\+')}(\\.0)?$/`;
    panel.overrideByRegexp(pattern, [{ id: 'displayName', value: name }]);
  }
  return panel;
}

function establishedTimeouts(scope: Scope) {
  return table({
    title: 'Established timeout of the nodes',
    description:
      'nf_conntrack_tcp_timeout_established, and how many nodes have it: a connection that is idle for longer loses its ' +
      "entry. kube-proxy sets it (`--conntrack-tcp-timeout-established`, 24 h), the kernel's own default is 5 days. " +
      'Different values on nodes of the same kind are a mistake.',
    queries: [
      {
        expr: `count_values("timeout", ${scope.select('kernel_setting', 'name="nf_conntrack_tcp_timeout_established"')})`,
      },
    ],
    before: [
      {
        id: 'convertFieldType',
        options: { conversions: [{ targetField: 'timeout', destinationType: 'number' }], fields: {} },
      },
    ],
    columns: [{ field: 'timeout', heading: 'Timeout', look: [unit(SECONDS)] }, countColumn('Nodes')],
    sortBy: 'Timeout',
  });
}
