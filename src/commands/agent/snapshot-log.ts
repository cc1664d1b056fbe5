import type { AuditSummary } from '../../audit/summary.ts';
import type { KernelSettings } from '../../kernel/settings.ts';
import type { CountedReason } from '../../model/at-risk.ts';
import type { Log } from '../../report/log.ts';
import type { ReadyCondition } from '../../report/metric-table.ts';
import type { Readiness } from '../../report/readiness.ts';
import type { Snapshot } from '../table/take-snapshot.ts';
import type { TableWatchOptions } from '../table/watch-table.ts';

export interface SnapshotLogOptions {
  readonly log: Log;
  readonly readiness: Readiness<ReadyCondition>;
  readonly settings: () => KernelSettings;
}

/** What is said of snapshots: each trouble when it begins and when it ends, the rest once or for debugging. */
export function createSnapshotLog({
  log,
  readiness,
  settings,
}: SnapshotLogOptions): TableWatchOptions['onSnapshot'] {
  let failing: string | undefined;
  const said = new Set<string>();
  const once = (what: string, say: () => void) => {
    if (said.has(what)) return;
    said.add(what);
    say();
  };

  return (snapshot, store, audit) => {
    const problem = problemOf(snapshot);
    if (problem === undefined) readiness.meet('first_snapshot');
    else if (audit === undefined) readiness.fail('first_snapshot', problem);
    if (problem !== failing) {
      failing = problem;
      if (problem === undefined)
        log.info('snapshot_taken', 'Snapshots of the conntrack table are complete again');
      else
        log.warn(
          'snapshot_failed',
          `No snapshot, so what events cannot tell stays unknown: ${problem}. It is tried again soon.`,
        );
    }
    saySockets(snapshot, log, once);
    if (problem !== undefined || !audit) return;
    log.debug('snapshot_taken', `${audit.flows} open connections through Services`, {
      flows: audit.flows,
      remembered: store.remembered,
    });
    if (store.blind > 0) once('blind', () => sayBlind(store.blind, settings(), log));
    sayAtRisk(audit, log, once);
  };
}

function problemOf({ read }: Snapshot): string | undefined {
  if (read.result === 'complete') return undefined;
  if (read.result === 'failed') return read.error.message;
  return 'reading the conntrack table: it changed its size meanwhile, or broke off, several times in a row';
}

type Once = (what: string, say: () => void) => void;

function saySockets({ scan }: Snapshot, log: Log, once: Once): void {
  if (scan && scan.malformed > 0) {
    once('malformed sockets', () =>
      log.warn(
        'sockets_unreadable',
        `${scan.malformed} lines of /proc/PID/net/tcp make no sense on this kernel: keepalive of their connections is not known`,
        {
          malformed: scan.malformed,
        },
      ),
    );
  }
  if (scan?.problem === undefined) return;
  once('sockets', () =>
    log.warn(
      'sockets_unreadable',
      `Some sockets cannot be looked at (${scan.problem}): keepalive of their connections is not known. The host's /proc is needed, with its processes: hostPID, and --proc if it is mounted elsewhere.`,
      { namespaces: scan.namespaces, unreadable: scan.unreadable },
    ),
  );
}

function sayBlind(blind: number, settings: KernelSettings, log: Log): void {
  const events = settings.get('nf_conntrack_events');
  const why = events === 0 ? 'while events were off' : 'while nobody listened';
  log.warn(
    'blind_entries',
    `${blind} open connection${blind === 1 ? ' was' : 's were'} made ${why}, so the kernel sends no event when their entries go; snapshots stand in for that. To have events for all: sysctl -w net.netfilter.nf_conntrack_events=1, before the connections are made.`,
    { blind_entries: blind },
  );
}

function sayAtRisk(audit: AuditSummary, log: Log, once: Once): void {
  const count = (...reasons: readonly CountedReason[]) =>
    audit.atRisk.reduce((sum, row) => sum + (reasons.includes(row.reason) ? row.connections : 0), 0);
  const [atRisk, unknown] = [count('no_keepalive', 'slow_keepalive'), count('unknown')];
  if (atRisk > 0) {
    once('at_risk', () =>
      log.info(
        'connections_at_risk',
        `${atRisk} of ${audit.flows} open connections through Services will break if they stay idle: no keepalive, or a slow one. connections_at_risk counts them by Service and client; the command audit lists them.`,
        { connections_at_risk: atRisk, service_connections: audit.flows },
      ),
    );
  }
  if (unknown > 0) {
    once('keepalive_unknown', () =>
      log.info(
        'keepalive_unknown',
        `${unknown} open connections through Services have clients whose sockets cannot be seen from here, so their keepalive is not known: from outside of this node, or of pods whose processes are not in --proc (hostPID is needed).`,
        { connections: unknown },
      ),
    );
  }
}
