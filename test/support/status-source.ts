import type { NamedFlowAtRisk } from '../../src/model/at-risk.ts';
import type { NamedPickup } from '../../src/model/named-finding.ts';
import { type ProtectedWorkload, sumOfConnections } from '../../src/report/protection-report.ts';
import { type Health, healthOf } from '../../src/report/status/health.ts';
import { createRecentBreaks } from '../../src/report/status/recent-breaks.ts';
import { startStatus } from '../../src/report/status/status-server.ts';
import { auditReport, protectionReport, WEEK_SECONDS } from '../unit/report/at-risk-samples.ts';
import { readings } from '../unit/report/samples.ts';

/** What a status page shows, to be changed while it is served. */
export interface StatusContent {
  node: string;
  pickups: readonly NamedPickup[];
  /** Undefined: no snapshot yet. */
  atRisk: readonly NamedFlowAtRisk[] | undefined;
  reasons: string[];
  snapshotsOff?: boolean;
  /** Undefined: no entries are renewed. */
  protection?: readonly ProtectedWorkload[] | undefined;
  /** Asked for the health; fails if it throws. */
  onHealth?: () => void;
}

/** A status server on the loopback interface, with content as given, and breaks that can be added. */
export async function serveContent(content: StatusContent, onError: (error: unknown) => void = fail) {
  const breaks = createRecentBreaks();
  for (const pickup of content.pickups) breaks.add(pickup);
  const health = async (): Promise<Health> => {
    content.onHealth?.();
    const { node, reasons } = content;
    const snapshots = content.snapshotsOff ? {} : { snapshot_interval_seconds: 60 };
    const fixed = { node, version: '1.0.0', started_at: '2026-03-01T06:00:00.000Z', reasons, ...snapshots };
    const protect = content.protection
      ? { protect: 'renew' as const, protect_max_idle_seconds: WEEK_SECONDS }
      : { protect: 'off' as const };
    return healthOf({ ...fixed, ...protect, resident_bytes: 93e6 }, readings, '2026-03-01T12:00:00.000Z');
  };
  const server = await startStatus({
    listen: { host: '127.0.0.1', port: 0 },
    source: {
      node: content.node,
      breaks,
      atRisk: (limit) =>
        content.atRisk &&
        auditReport(content.atRisk.slice(0, limit), {
          node: content.node,
          flows: 14 + sumOfConnections(content.protection ?? []),
          total: content.atRisk.length,
          protection: content.protection && protectionReport(content.protection, limit),
        }),
      health,
      isReady: () => content.reasons.length === 0,
      settings: () => ({ nf_conntrack_tcp_timeout_established: 432_000 }),
    },
    onError,
  });
  return {
    ...server,
    add(pickup: NamedPickup) {
      breaks.add(pickup);
      server.announce();
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

function fail(error: unknown): never {
  throw error;
}
