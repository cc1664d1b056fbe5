/** How fields look: units, thresholds, colours, links. */
import type { DynamicConfigValue, Threshold, ValueMapping } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PLAIN } from './colors.ts';

/** Whole numbers, all digits. */
export const COUNT = 'locale';
export const SECONDS = 's';
export const RATIO = 'percentunit';
export const BYTES = 'bytes';
export const PER_SECOND = 'cps';

/** `thresholds([1, ORANGE], [100, VERMILION])`: plain below the first. */
export function thresholds(...steps: readonly (readonly [from: number, color: string])[]) {
  const base: Threshold = { value: null, color: PLAIN };
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([base, ...steps.map(([value, color]) => ({ value, color }))]);
}

/** Shows values as words: `{ 1: ['ready', BLUE], 0: ['not ready', VERMILION] }`. */
export function words(
  table: Readonly<Record<string, readonly [text: string, color: string]>>,
): ValueMapping[] {
  const options = Object.entries(table).map(
    ([value, [text, color]], index) => [value, { text, color, index }] as const,
  );
  return [{ type: MappingType.ValueToText, options: Object.fromEntries(options) }];
}

export function fixedColor(color: string): DynamicConfigValue {
  return { id: 'color', value: { mode: 'fixed', fixedColor: color } };
}

export function unit(name: string): DynamicConfigValue {
  return { id: 'unit', value: name };
}

/** Colours the text of a table's cell by its value. */
export function coloredText(steps: ReturnType<typeof thresholds>): DynamicConfigValue[] {
  return [
    { id: 'thresholds', value: steps.build() },
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
  ];
}

export function link(title: string, url: string): DynamicConfigValue {
  return { id: 'links', value: [{ title, url }] };
}
