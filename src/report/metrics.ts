import { Registry } from 'prom-client';
import { CAUSES, OUTCOMES, SENDERS } from '../model/finding.ts';
import type { NamedEntryLost, NamedFinding, NamedPickup } from '../model/named-finding.ts';
import type { ServicePort } from '../model/topology.ts';
import { addAuditGauges } from './audit-gauges.ts';
import { type Exposition, expose } from './exposition.ts';
import { type ClientLabels, createLabelLimits, keyOf, type ServiceLabels } from './label-limits.ts';
import { addCounter, addGauge, addHistogram } from './metric-series.ts';
import { EVENT_TYPES, type EventType } from './metric-table.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { addReadings, type Readings } from './readings.ts';

/**
 * Ten series each. Measured: 100 Services make a scrape of 0.14 MB, 1000 one of 1.3 MB in 50 ms and 60 MB more
 * resident memory, all zeros. Services beyond this number get their series when they lose an entry.
 */
const MAX_DECLARED_SERVICES = 200;
const MAX_REPEATED_LOSSES = 4096;
type LossLabels = ServiceLabels & { readonly cause: NamedEntryLost['cause'] };
/** What usually comes, so that it begins at 0. */
const DECLARED_PICKUPS = [
  { verdict: 'reset', mapping: 'backend_changed' },
  { verdict: 'stalled', mapping: 'backend_changed' },
  { verdict: 'survived', mapping: 'same' },
] as const;

export interface MetricsOptions {
  readonly version: string;
  readonly nodeVersion: string;
  /** Every reason the decoder has for skipping a message. */
  readonly malformedReasons: readonly string[];
  /**
   * Called once a scrape, so that nothing is read while nobody looks; scrapes at the same time share one reading.
   * Must not reject.
   */
  readonly read: () => Promise<Readings>;
  /** Whether to add the metrics of the Node.js process; at most once in a process. */
  readonly processMetrics: boolean;
}

export interface Metrics {
  /** Counts one finding, in every metric it belongs to. */
  count(finding: NamedFinding): void;
  countEvent(type: EventType): void;
  countMalformed(reason: string): void;
  countHeldBack(): void;
  /** Lets the series of these Services begin at 0; call it again whenever the topology changed. */
  declareServices(services: Iterable<ServicePort>): void;
  /** All metrics as text, in the format that the Accept header prefers. */
  expose(accept: string | undefined): Promise<Exposition>;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const limits = createLabelLimits();
  const broken = addCounter(registry, 'broken_connections_total');
  const pickups = addCounter(registry, 'pickups_total');
  const lost = addCounter(registry, 'lost_entries_total');
  const idle = addHistogram(registry, 'broken_connection_idle_seconds');
  const events = addCounter(registry, 'events_total');
  const malformed = addCounter(registry, 'messages_malformed_total');
  const heldBack = addCounter(registry, 'log_lines_held_back_total');
  const showReadings = addReadings(registry);
  const audit = addAuditGauges(registry, limits);
  const buildInfo = addGauge(registry, 'build_info');
  if (options.processMetrics) addProcessMetrics(registry);

  buildInfo.replace([[{ version: options.version, node_version: options.nodeVersion }, 1]]);
  for (const reason of options.malformedReasons) malformed.add({ reason }, 0);
  // Events come by the hundred thousand when a table is flushed: plain numbers until somebody looks.
  const eventCounts: Record<EventType, number> = { new: 0, destroy: 0 };

  // So do lost entries: a repeat of service, client and cause is one number more.
  const repeatedLosses = new Map<string, { readonly labels: LossLabels; pending: number }>();

  const declaredServices = new Set<string>();
  const declaredPickups = new Set<string>();
  const declaredLosses = new Set<string>();

  // Two that overtook one another could let a counter go back, which reads as a restart.
  let reading: Promise<Readings> | undefined;
  function read(): Promise<Readings> {
    reading ??= options.read().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  function declarePickups(service: ServiceLabels, key: string): void {
    if (declaredPickups.has(key)) return;
    declaredPickups.add(key);
    for (const each of DECLARED_PICKUPS) pickups.add({ ...service, ...each }, 0);
  }

  /** A loss tells which series may come next: they begin at 0, so that rate() sees the first break of each. */
  function declareLoss(service: ServiceLabels, client: ClientLabels, cause: NamedEntryLost['cause']): void {
    const serviceKey = keyOf(service);
    const key = `${serviceKey}/${keyOf(client)}/${cause}`;
    if (declaredLosses.has(key)) return;
    declaredLosses.add(key);
    declarePickups(service, serviceKey);
    for (const outcome of OUTCOMES) {
      for (const sender of SENDERS) broken.add({ ...service, ...client, cause, outcome, sender }, 0);
    }
  }

  function countPickup(pickup: NamedPickup, service: ServiceLabels): void {
    const { verdict, mapping, cause, sender } = pickup;
    pickups.add({ ...service, verdict, mapping });
    const outcome = OUTCOMES.find((each) => each === verdict);
    if (!pickup.broken || !outcome) return;
    broken.add({ ...service, ...limits.client(pickup.client, service), cause, outcome, sender });
    if (pickup.idleSeconds !== undefined) idle.observe(service, pickup.idleSeconds);
  }

  return {
    count(finding) {
      if (finding.kind === 'pickup') return countPickup(finding, limits.service(finding.service));
      const key = lossKey(finding);
      const repeated = repeatedLosses.get(key);
      if (repeated) {
        repeated.pending++;
        return;
      }
      const service = limits.service(finding.service);
      declareLoss(service, limits.client(finding.client, service), finding.cause);
      const labels = { ...service, cause: finding.cause };
      lost.add(labels);
      if (repeatedLosses.size < MAX_REPEATED_LOSSES) repeatedLosses.set(key, { labels, pending: 0 });
    },
    countEvent(type) {
      eventCounts[type]++;
    },
    countMalformed: (reason) => malformed.add({ reason }),
    countHeldBack: () => heldBack.add({}),
    declareServices(services) {
      for (const { namespace, name, port } of services) {
        if (declaredServices.size >= MAX_DECLARED_SERVICES) return;
        const service = limits.service({ namespace, name, servicePort: port, known: true });
        const key = keyOf(service);
        if (declaredServices.has(key)) continue;
        declaredServices.add(key);
        declarePickups(service, key);
        audit.declare(service);
        for (const cause of CAUSES) lost.add({ ...service, cause }, 0);
      }
    },
    async expose(accept) {
      const readings = await read();
      events.replace(EVENT_TYPES.map((type) => [{ type }, eventCounts[type]] as const));
      for (const repeated of repeatedLosses.values()) {
        if (repeated.pending > 0) lost.add(repeated.labels, repeated.pending);
        repeated.pending = 0;
      }
      showReadings(readings);
      audit.show(readings.audit);
      return expose(registry, accept);
    },
  };
}

/** Service, client and cause of a loss, as the finding has them: cheaper than its labels, and told apart as finely. */
function lossKey({ service, client, cause }: NamedEntryLost): string {
  return `${service.namespace}/${service.name}/${service.servicePort}/${service.known} ${client.namespace}/${client.workload} ${cause}`;
}
