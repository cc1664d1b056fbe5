import type { OptionsOf } from '../../config/parse.ts';
import { nameAtRisk } from '../../enrich/name.ts';
import type { NamedPickup } from '../../model/named-finding.ts';
import type { Topology } from '../../model/topology.ts';
import type { AuditReport } from '../../report/audit-report.ts';
import type { KernelSettings } from '../../report/broken-sentence.ts';
import type { Log } from '../../report/log.ts';
import { isoTime } from '../../report/named-fields.ts';
import { largestFirst } from '../../report/protection-report.ts';
import type { Readings } from '../../report/readings.ts';
import { healthOf } from '../../report/status/health.ts';
import { createRecentBreaks } from '../../report/status/recent-breaks.ts';
import { type StatusServer, startStatus } from '../../report/status/status-server.ts';
import type { TableAtRisk } from '../table/audit-store.ts';

export interface ServeStatusOptions {
  readonly options: Pick<OptionsOf<'agent'>, 'statusListen' | 'nodeName' | 'protect' | 'protectMaxIdleMs'>;
  readonly version: string;
  readonly startedAtMs: number;
  readonly log: Log;
  readonly topology: Topology;
  readonly read: () => Promise<Readings>;
  readonly reasons: () => readonly string[];
  readonly settings: () => KernelSettings;
  readonly atRisk: () => TableAtRisk | undefined;
  /** Undefined where snapshots are off. */
  readonly snapshotIntervalMs: () => number | undefined;
}

/** The status page of an agent; without `--status-listen`, or where nothing can be listened on, it does nothing. */
export interface ServedStatus {
  add(pickup: NamedPickup): void;
  /** Something else than a broken connection is new. */
  announce(): void;
  close(): Promise<void>;
}

export async function serveStatus(options: ServeStatusOptions): Promise<ServedStatus> {
  const { statusListen: listen, nodeName, protect, protectMaxIdleMs } = options.options;
  const { log, version } = options;
  const maxIdleSeconds = protectMaxIdleMs / 1000;
  const breaks = createRecentBreaks();
  const source = {
    node: nodeName,
    breaks,
    settings: options.settings,
    isReady: () => options.reasons().length === 0,
    atRisk: (limit: number) => reportOf(options, limit),
    health: async () => {
      const takenAtMs = options.atRisk()?.takenAtMs;
      const snapshotIntervalMs = options.snapshotIntervalMs();
      const fixed = {
        node: nodeName,
        version,
        started_at: isoTime(options.startedAtMs),
        reasons: options.reasons(),
        resident_bytes: process.memoryUsage.rss(),
        ...(snapshotIntervalMs === undefined ? {} : { snapshot_interval_seconds: snapshotIntervalMs / 1000 }),
        protect,
        ...(protect === 'off' ? {} : { protect_max_idle_seconds: maxIdleSeconds }),
      };
      return healthOf(fixed, await options.read(), takenAtMs === undefined ? undefined : isoTime(takenAtMs));
    },
  };
  const onError = (error: unknown) => log.error('http_failed', `A request could not be answered: ${error}`);
  let server: StatusServer | undefined;
  if (listen) {
    // A page for people is no reason to stop watching.
    server = await startStatus({ listen, source, onError }).catch((error: Error) => {
      log.error('status_failed', `There is no status page: ${error.message}. Everything else goes on.`);
      return undefined;
    });
  }
  if (server) {
    log.info('status_listening', `The status page is at ${server.url}`, {
      url: server.url,
      port: server.port,
    });
  }
  return {
    add(pickup) {
      if (!server) return;
      breaks.add(pickup);
      if (pickup.broken) server.announce();
    },
    announce: () => server?.announce(),
    close: async () => server?.close(),
  };
}

/** `limit`: connections at risk, and workloads whose connections are protected. */
function reportOf(
  { atRisk, topology, settings, options }: ServeStatusOptions,
  limit: number,
): AuditReport | undefined {
  const table = atRisk();
  if (!table) return undefined;
  const { soonest, protection, ...totals } = table;
  const node = options.nodeName;
  return {
    node,
    ...totals,
    protection: protection && {
      connections: protection.connections,
      maxIdleSeconds: options.protectMaxIdleMs / 1000,
      workloads: largestFirst(protection.workloads, limit),
    },
    atRisk: soonest.slice(0, limit).map((flow) => nameAtRisk(topology, flow, node)),
    settings: settings(),
  };
}
