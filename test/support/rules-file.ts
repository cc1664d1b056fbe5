import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export const RULES_FILE = join(import.meta.dirname, '../../deploy/prometheus/rules.yaml');

/** A recording rule has `record`, an alerting rule `alert`. */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The rules of all groups, in order. */
export function readRules(): readonly Rule[] {
  const { groups } = parse(readFileSync(RULES_FILE, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export function alertsOf(rules: readonly Rule[]): readonly (Rule & { readonly alert: string })[] {
  return rules.filter((rule): rule is Rule & { readonly alert: string } => rule.alert !== undefined);
}
