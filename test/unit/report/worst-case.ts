import { MALFORMED_REASONS } from '../../../src/decode/attributes.ts';
import { SETTING_NAMES } from '../../../src/kernel/settings.ts';
import { COUNTED_REASONS } from '../../../src/model/at-risk.ts';
import { CAUSES, MAPPINGS, OUTCOMES, SENDERS, VERDICTS } from '../../../src/model/finding.ts';
import type { NamedClient, NamedFinding, NamedService } from '../../../src/model/named-finding.ts';
import { RENEWAL_RESULTS, SKIP_REASONS } from '../../../src/model/protection.ts';
import { KERNEL_STATS, PREFIX } from '../../../src/report/metric-table.ts';
import { createMetrics, type Metrics } from '../../../src/report/metrics.ts';
import type { Readings } from '../../../src/report/readings.ts';
import { parseExposition } from '../../support/parse-exposition.ts';
import { entryLost, pickup, readings, redis, stranger } from './samples.ts';

/** What a node would have to see to make the most series: more of everything than there is room for. */
export function worstServices(number: number): NamedService[] {
  const known = Array.from({ length: number }, (_, i) => ({ ...redis, name: `service-${i}` }));
  const strangers = Array.from({ length: Math.ceil(number / 3) }, (_, i) =>
    stranger(`10.9.${i >> 8}.${i & 255}`, 80),
  );
  return [...known, ...strangers];
}

const { client: checkout } = pickup();
export const workload = (i: number): NamedClient => ({ ...checkout, workload: `Deployment/client-${i}` });

/** Every finding there can be of these Services: all causes, outcomes, senders, verdicts and mappings. */
export function* worstFindings(services: readonly NamedService[], clients: number): Generator<NamedFinding> {
  let next = 0;
  for (const service of services) {
    for (const cause of CAUSES) {
      const client = workload(next++ % clients);
      yield entryLost({ service, cause, client });
      for (const verdict of OUTCOMES) {
        for (const sender of SENDERS) yield pickup({ service, cause, verdict, sender, client });
      }
    }
    for (const verdict of VERDICTS) {
      for (const mapping of MAPPINGS) yield pickup({ service, verdict, mapping, broken: false });
    }
  }
}

/** Every result and reason of renewals. What has no Service is not protected. */
export function countWorstRenewals(metrics: Metrics, services: readonly NamedService[]): void {
  metrics.declareRenewals();
  for (const service of services.filter(({ known }) => known)) {
    metrics.countRenewals(service, Object.fromEntries(RENEWAL_RESULTS.map((result) => [result, 1])));
  }
  for (const reason of SKIP_REASONS) metrics.countSkipped(reason, 1);
}

/** Everything can be read, and each of these Services has connections at risk for all reasons, and protected ones. */
export function worstReadings(services: readonly NamedService[], clients: number): Readings {
  return {
    ...readings,
    kernelSettings: Object.fromEntries(SETTING_NAMES.map((name) => [name, 1])),
    kernelStats: Object.fromEntries(KERNEL_STATS.map((name) => [name, 1])),
    snapshot: { ...readings.snapshot, flows: 1, durationSeconds: 1, blindEntries: 1 },
    kubernetesEvents: { created: 1, updated: 1, failed: 1, held_back: 1 },
    audit: {
      services: services.map((service) => ({ service, connections: 1, nextExpirySeconds: 9 })),
      atRisk: services.flatMap((service, i) =>
        Array.from({ length: 8 }, (_, j) => ({
          service,
          client: workload((i * 8 + j) % clients),
          reason: COUNTED_REASONS[j % COUNTED_REASONS.length]!,
          connections: 1,
        })),
      ),
      // All with their first client before any with its second, so that each has some for which there is no room.
      protected: Array.from({ length: 4 }, (_, j) =>
        services
          .filter(({ known }) => known)
          .map((service, i) => ({ service, client: workload((i * 4 + j) % clients), connections: 1 })),
      ).flat(),
    },
  };
}

export function worstMetrics(read: () => Readings, processMetrics = false) {
  return createMetrics({
    version: '0.1.0',
    nodeVersion: 'v26.0.0',
    malformedReasons: MALFORMED_REASONS,
    read: async () => read(),
    processMetrics,
  });
}

/** Series of a scrape by the name of their metric, without the prefix; all of a histogram together. */
export function countSeries(body: string): Map<string, number> {
  const families = parseExposition(body, 'text');
  return new Map(families.map(({ name, samples }) => [name.replace(PREFIX, ''), samples.length]));
}
