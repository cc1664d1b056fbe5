import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorBuilder, FieldColorModeId } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';
import { COUNT, fixedColor } from './fields.ts';
import { describe, type PanelSpec } from './panel.ts';

/** The axis of whole numbers up to this has a line for each, and not two that say 1. */
const SMALL_COUNT = 4;

/** Colours of series by their names; the rest get one by name that stays the same. */
export type SeriesColors = Readonly<Record<string, string>>;

/** Values over time, as lines. */
export function lines(spec: PanelSpec, colors: SeriesColors = {}): TimeSeries {
  return graph(spec, colors).fillOpacity(5);
}

/** Parts of a sum over time, as areas on top of one another. */
export function areas(spec: PanelSpec, colors: SeriesColors = {}): TimeSeries {
  return graph(spec, colors).fillOpacity(40).stacking(stacked());
}

/** How many in each step of the graph, as bars on top of one another. */
export function bars(spec: Omit<PanelSpec, 'unit'>, colors: SeriesColors = {}): TimeSeries {
  return graph({ unit: COUNT, decimals: 0, ...spec }, colors, ['sum'])
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(100)
    .stacking(stacked());
}

/** Values that are one of a few words, over time. */
export function states(spec: PanelSpec): StateTimeline {
  return describe(new StateTimeline(), spec, 'series')
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .mergeValues(true)
    .showValue(VisibilityMode.Never)
    .fillOpacity(80)
    .lineWidth(0)
    .rowHeight(0.8)
    .tooltip(tooltip())
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    );
}

function graph(spec: PanelSpec, colors: SeriesColors, calcs = ['lastNotNull', 'max']): TimeSeries {
  const panel = describe(new TimeSeries(), spec, 'series')
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
    .min(0)
    .showPoints(VisibilityMode.Auto)
    .tooltip(tooltip())
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(calcs)
        .showLegend(true),
    );
  if (spec.decimals === 0) panel.axisSoftMax(SMALL_COUNT);
  for (const [name, color] of Object.entries(colors)) panel.overrideByName(name, [fixedColor(color)]);
  return panel;
}

function stacked() {
  return new StackingConfigBuilder().mode(StackingMode.Normal).group('A');
}

function tooltip() {
  return new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending);
}
