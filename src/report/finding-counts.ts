import type { Registry } from 'prom-client';
import { CAUSES, type Cause, OUTCOMES, SENDERS } from '../model/finding.ts';
import type { NamedEntryLost, NamedFinding, NamedPickup } from '../model/named-finding.ts';
import {
  isOtherClient,
  isOtherService,
  keyOf,
  type LabelLimits,
  type ServiceLabels,
} from './label-limits.ts';
import { addCounter, addHistogram } from './metric-series.ts';
import { OVERFLOW_LABELS } from './metric-table.ts';

const MAX_REPEATED_LOSSES = 4096;

/** What usually comes, so that it begins at 0. */
const DECLARED_PICKUPS = [
  { verdict: 'reset', mapping: 'backend_changed' },
  { verdict: 'stalled', mapping: 'backend_changed' },
  { verdict: 'survived', mapping: 'same' },
] as const;

export interface FindingCounts {
  /** Counts one finding, in every metric it belongs to. */
  count(finding: NamedFinding): void;
  /** Lets the series of this Service begin at 0. */
  declare(service: ServiceLabels): void;
  /** Brings what was put aside into the counters; to be called before they are shown. */
  flush(): void;
}

/** Adds the metrics that count findings. */
export function addFindingCounts(registry: Registry, limits: LabelLimits): FindingCounts {
  const broken = addCounter(registry, 'broken_connections_total');
  const pickups = addCounter(registry, 'pickups_total');
  const lost = addCounter(registry, 'lost_entries_total');
  const idle = addHistogram(registry, 'broken_connection_idle_seconds');
  const overflows = addCounter(registry, 'label_overflows_total');
  for (const label of OVERFLOW_LABELS) overflows.add({ label }, 0);

  // Lost entries come by the hundred thousand when a table is flushed: a repeat of service, client and cause is one
  // number more until somebody looks.
  const repeatedLosses = new Map<string, { readonly labels: LossLabels; pending: number }>();
  const declaredPickups = new Set<string>();
  const declaredLosses = new Set<string>();

  function declarePickups(service: ServiceLabels): void {
    const key = keyOf(service);
    if (declaredPickups.has(key)) return;
    declaredPickups.add(key);
    for (const { verdict, mapping } of DECLARED_PICKUPS) {
      pickups.add({ ...limits.pickup(service, verdict, mapping), verdict, mapping }, 0);
    }
  }

  /** A loss tells which series may come next: they begin at 0, so that rate() sees the first break of each. */
  function declareLoss(service: ServiceLabels, { client, cause }: NamedEntryLost): void {
    const pair = limits.broken(service, client, cause);
    const key = `${keyOf(pair)}/${cause}`;
    if (declaredLosses.has(key)) return;
    declaredLosses.add(key);
    for (const outcome of OUTCOMES) {
      for (const sender of SENDERS) broken.add({ ...pair, cause, outcome, sender }, 0);
    }
  }

  function countLosses(labels: LossLabels, number: number): void {
    lost.add(labels, number);
    if (isOtherService(labels)) overflows.add({ label: 'service' }, number);
  }

  function countLoss(finding: NamedEntryLost): void {
    const key = lossKey(finding);
    const repeated = repeatedLosses.get(key);
    if (repeated) {
      repeated.pending++;
      return;
    }
    const service = limits.service(finding.service);
    declarePickups(service);
    declareLoss(service, finding);
    const labels = { ...service, cause: finding.cause };
    countLosses(labels, 1);
    if (repeatedLosses.size < MAX_REPEATED_LOSSES) repeatedLosses.set(key, { labels, pending: 0 });
  }

  function countPickup(pickup: NamedPickup): void {
    const { verdict, mapping, cause, sender } = pickup;
    const service = limits.service(pickup.service);
    const pickupService = limits.pickup(service, verdict, mapping);
    pickups.add({ ...pickupService, verdict, mapping });
    const services: ServiceLabels[] = [pickupService];
    const outcome = OUTCOMES.find((each) => each === verdict);
    if (pickup.broken && outcome) {
      const pair = limits.broken(service, pickup.client, cause);
      broken.add({ ...pair, cause, outcome, sender });
      services.push(pair);
      if (isOtherClient(pair)) overflows.add({ label: 'client' });
      if (pickup.idleSeconds !== undefined) {
        const idleService = limits.idleTime(service);
        idle.observe(idleService, pickup.idleSeconds);
        services.push(idleService);
      }
    }
    if (services.some(isOtherService)) overflows.add({ label: 'service' });
  }

  return {
    count(finding) {
      if (finding.kind === 'pickup') countPickup(finding);
      else countLoss(finding);
    },
    declare(service) {
      declarePickups(service);
      for (const cause of CAUSES) lost.add({ ...service, cause }, 0);
    },
    flush() {
      for (const repeated of repeatedLosses.values()) {
        if (repeated.pending > 0) countLosses(repeated.labels, repeated.pending);
        repeated.pending = 0;
      }
    },
  };
}

type LossLabels = ServiceLabels & { readonly cause: Cause };

/** Service, client and cause of a loss, as the finding has them: cheaper than its labels, and told apart as finely. */
function lossKey({ service, client, cause }: NamedEntryLost): string {
  return `${service.namespace}/${service.name}/${service.servicePort}/${service.known} ${client.namespace}/${client.workload} ${cause}`;
}
