import type { Registry } from 'prom-client';
import type { NamedService } from '../model/named-finding.ts';
import { RENEWAL_RESULTS, type RenewalResult, SKIP_REASONS, type SkipReason } from '../model/protection.ts';
import { keyOf, type LabelLimits } from './label-limits.ts';
import { addCounter } from './metric-series.ts';

type CountedService = Pick<NamedService, 'namespace' | 'name' | 'servicePort' | 'known'>;

export interface RenewalCounts {
  /** Lets the series that are not of a Service begin at 0; without protection there are none. */
  declare(): void;
  /** Adds to the renewals of a Service; all of its series come into being, those that are not given at 0. */
  count(service: CountedService, results: Partial<Readonly<Record<RenewalResult, number>>>): void;
  countSkipped(reason: SkipReason, number: number): void;
}

/** Adds the metrics that count what protection does. */
export function addRenewalCounts(registry: Registry, limits: LabelLimits): RenewalCounts {
  const renewals = addCounter(registry, 'renewals_total');
  const skipped = addCounter(registry, 'renewals_skipped_total');
  // Of Services: thousands of them are looked at in each round, and most have nothing to count.
  const begun = new Set<string>();
  return {
    declare() {
      for (const reason of SKIP_REASONS) skipped.add({ reason }, 0);
    },
    count(service, results) {
      const labels = limits.service(service);
      const key = keyOf(labels);
      for (const result of RENEWAL_RESULTS) {
        const number = results[result] ?? 0;
        if (number > 0 || !begun.has(key)) renewals.add({ ...labels, result }, number);
      }
      begun.add(key);
    },
    countSkipped: (reason, number) => skipped.add({ reason }, number),
  };
}
