import type { NamedClient, NamedService } from '../model/named-finding.ts';

type ServiceName = Pick<NamedService, 'namespace' | 'name' | 'servicePort' | 'known'>;
type ClientName = Pick<NamedClient, 'namespace' | 'workload'>;

/** Connections of one workload to one Service whose entries are renewed. */
export interface ProtectedWorkload {
  readonly service: ServiceName;
  readonly client: ClientName;
  readonly connections: number;
}

/** What `--protect renew` keeps alive. */
export interface ProtectionReport {
  /** Connections whose entries are renewed, also those that would not break without. */
  readonly connections: number;
  readonly maxIdleSeconds: number;
  /** Where they belong, those with the most first; not all, if a limit was asked for. */
  readonly workloads: readonly ProtectedWorkload[];
}

/** Those with the most connections first, `limit` at most. */
export function largestFirst(
  workloads: readonly ProtectedWorkload[],
  limit: number,
): readonly ProtectedWorkload[] {
  return workloads.toSorted((a, b) => b.connections - a.connections).slice(0, limit);
}

export function sumOfConnections(rows: readonly Pick<ProtectedWorkload, 'connections'>[]): number {
  return rows.reduce((sum, { connections }) => sum + connections, 0);
}
