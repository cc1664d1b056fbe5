import type { Registry } from 'prom-client';
import type { CountedReason } from '../model/at-risk.ts';
import type { NamedClient, NamedService } from '../model/named-finding.ts';
import { keyOf, type LabelLimits, type ServiceLabels } from './label-limits.ts';
import { addGauge } from './metric-series.ts';
import type { LabelsOf } from './metric-table.ts';

type AuditedService = Pick<NamedService, 'namespace' | 'name' | 'servicePort' | 'known'>;

/** What the last complete snapshot says of Services. Rows with the same labels are put together. */
export interface AuditReadings {
  readonly services: Iterable<{
    readonly service: AuditedService;
    readonly connections: number;
    /** From now, not from the snapshot; undefined: none of its connections is at risk. */
    readonly nextExpirySeconds: number | undefined;
  }>;
  readonly atRisk: Iterable<{
    readonly service: AuditedService;
    readonly client: Pick<NamedClient, 'namespace' | 'workload'>;
    readonly reason: CountedReason;
    readonly connections: number;
  }>;
  /** Undefined when no entries are renewed. */
  readonly protected?:
    | Iterable<{
        readonly service: AuditedService;
        readonly client: Pick<NamedClient, 'namespace' | 'workload'>;
        readonly connections: number;
      }>
    | undefined;
}

export interface AuditGauges {
  /** Lets this Service show 0 connections while it has none. */
  declare(service: ServiceLabels): void;
  show(audit: AuditReadings | undefined): void;
}

/**
 * Adds the gauges of the audit. A series of a number of connections that was there once stays, at 0: a graph falls and
 * does not end, and an alert is resolved by a value. The label limits, which are for the life of the process and shared
 * with the counters, bound how many these are. Without an audit nothing is shown.
 */
export function addAuditGauges(registry: Registry, limits: LabelLimits): AuditGauges {
  const serviceConnections = addGauge(registry, 'service_connections');
  const connectionsAtRisk = addGauge(registry, 'connections_at_risk');
  const nextExpirySeconds = addGauge(registry, 'next_expiry_seconds');
  const protectedConnections = addGauge(registry, 'protected_connections');
  const connections: Series<ServiceLabels> = new Map();
  const atRisk: Series<LabelsOf<'connections_at_risk'>> = new Map();
  const kept: Series<LabelsOf<'protected_connections'>> = new Map();

  return {
    declare: (service) => put(connections, service, 0, sum),
    show(audit) {
      for (const series of [connections, atRisk, kept]) for (const each of series.values()) each.value = 0;
      const nextExpiry: Series<ServiceLabels> = new Map();
      for (const row of audit?.services ?? []) {
        const service = limits.service(row.service);
        put(connections, service, row.connections, sum);
        if (row.nextExpirySeconds !== undefined) put(nextExpiry, service, row.nextExpirySeconds, Math.min);
      }
      for (const row of audit?.atRisk ?? []) {
        const service = limits.service(row.service);
        const labels = { ...limits.atRisk(service, row.client, row.reason), reason: row.reason };
        put(atRisk, labels, row.connections, sum);
      }
      for (const row of audit?.protected ?? []) {
        put(kept, limits.protected(limits.service(row.service), row.client), row.connections, sum);
      }
      serviceConnections.replace(audit ? valuesOf(connections) : []);
      connectionsAtRisk.replace(audit ? valuesOf(atRisk) : []);
      protectedConnections.replace(audit?.protected ? valuesOf(kept) : []);
      nextExpirySeconds.replace(valuesOf(nextExpiry));
    },
  };
}

type Series<Labels> = Map<string, { readonly labels: Labels; value: number }>;

const sum = (a: number, b: number) => a + b;

/** Different names may have the same labels, `other`: then the values are combined. */
function put<Labels extends object>(
  series: Series<Labels>,
  labels: Labels,
  value: number,
  combine: (a: number, b: number) => number,
): void {
  const key = keyOf(labels);
  const present = series.get(key);
  if (present) present.value = combine(present.value, value);
  else series.set(key, { labels, value });
}

function valuesOf<Labels>(series: Series<Labels>) {
  return Array.from(series.values(), ({ labels, value }) => [labels, value] as const);
}
