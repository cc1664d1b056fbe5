import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  ReduceDataOptionsBuilder,
  VizOrientation,
} from '@grafana/grafana-foundation-sdk/common';
import type { ThresholdsConfigBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { FieldColorBuilder, FieldColorModeId } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { COUNT, thresholds } from './fields.ts';
import { describe, type PanelSpec } from './panel.ts';

type NumberSpec = Omit<PanelSpec, 'queries'> & { readonly expr: string; readonly legend?: string };

/** One number, as large as there is room. */
export function stat({ expr, ...spec }: NumberSpec, steps: ThresholdsConfigBuilder = thresholds()): Stat {
  return describe(new Stat(), { ...spec, queries: [{ expr }] }, 'now')
    .thresholds(steps)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));
}

/** One whole number. */
export function count(spec: Omit<NumberSpec, 'unit'>, steps?: ThresholdsConfigBuilder): Stat {
  return stat({ unit: COUNT, decimals: 0, ...spec }, steps);
}

/** A histogram over the whole range: a bar for each bucket. */
export function bucketBars({ expr, legend = '{{le}}', ...spec }: NumberSpec, color: string): BarGauge {
  return describe(new BarGauge(), { ...spec, queries: [{ expr, legend }] }, 'heatmap now')
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor(color))
    .min(0)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false));
}
