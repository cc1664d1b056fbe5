import { breaksAt, describeRisk, type RiskContext } from '../../audit/at-risk.ts';
import { tickOf } from '../../audit/flow-columns.ts';
import { Soonest } from '../../audit/soonest.ts';
import { Audit, type AuditSummary, type FlowNames } from '../../audit/summary.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { FlowAtRisk } from '../../model/at-risk.ts';
import { inTurns } from './take-snapshot.ts';

/** Slots that are looked at between two glances at the clock. */
const STRIDE = 1024;
/** Connections that are described one by one, for the status page; all others are only counted. */
export const MOST_DESCRIBED = 500;

/** The connections at risk of a snapshot, the soonest first, as far as they are described. */
export interface TableAtRisk {
  readonly takenAtMs: number;
  readonly flows: number;
  readonly total: number;
  readonly unknown: number;
  /** Connections whose entries are renewed, also those that would not break without; undefined if none are. */
  readonly protection:
    | { readonly connections: number; readonly workloads: AuditSummary['protected'] }
    | undefined;
  readonly soonest: readonly FlowAtRisk[];
}

/** Counts the flows of a store in which a snapshot is complete, and describes the first that will break. */
export async function auditStore(
  context: RiskContext,
  names: FlowNames,
  clock: Clock,
  stop: AbortSignal,
): Promise<{ readonly audit: AuditSummary; readonly atRisk: TableAtRisk }> {
  const soonest = new Soonest(MOST_DESCRIBED);
  const counting = new Audit(context, names, (slot, reason, unprotected) =>
    soonest.add(slot, reason, unprotected, breaksAt(context.store, slot)),
  );
  await inTurns(clock, stop, (from) => counting.visit(from, STRIDE));
  const audit = counting.summary();
  const count = (rows: readonly { readonly connections: number }[]) =>
    rows.reduce((sum, row) => sum + row.connections, 0);
  // At once, as the slots may be other flows' after the next snapshot.
  const nowTick = tickOf(clock.monotonicMs());
  const described = soonest
    .list()
    .map(({ slot, reason, unprotected }) => describeRisk(context, slot, reason, nowTick, unprotected));
  const atRisk = {
    takenAtMs: clock.wallMs(),
    flows: audit.flows,
    total: count(audit.atRisk.filter(({ reason }) => reason !== 'protected')),
    unknown: count(audit.atRisk.filter(({ reason }) => reason === 'unknown')),
    protection: context.protection && { connections: count(audit.protected), workloads: audit.protected },
    soonest: described,
  };
  return { audit, atRisk };
}
