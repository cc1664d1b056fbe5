import { MALFORMED_REASONS } from '../../../src/decode/attributes.ts';
import { SETTING_NAMES } from '../../../src/kernel/settings.ts';
import { RISK_REASONS } from '../../../src/model/at-risk.ts';
import { CAUSES, MAPPINGS, OUTCOMES, SENDERS, VERDICTS } from '../../../src/model/finding.ts';
import type { NamedClient, NamedFinding, NamedService } from '../../../src/model/named-finding.ts';
import { KERNEL_STATS, PREFIX } from '../../../src/report/metric-table.ts';
import { createMetrics } from '../../../src/report/metrics.ts';
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

/** Everything can be read, and each of these Services has connections at risk for all reasons. */
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
        Array.from({ length: 6 }, (_, j) => ({
          service,
          client: workload((i * 6 + j) % clients),
          reason: RISK_REASONS[j % 3]!,
          connections: 1,
        })),
      ),
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
