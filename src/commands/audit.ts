import { breaksAt, describeRisk, type RiskContext } from '../audit/at-risk.ts';
import { type Slot, tickOf } from '../audit/flow-columns.ts';
import type { ProtectionRule } from '../audit/protection.ts';
import { renewalWindow } from '../audit/renewal-window.ts';
import type { Candidate } from '../audit/soonest.ts';
import { Audit, type AuditSummary } from '../audit/summary.ts';
import type { OptionsOf } from '../config/parse.ts';
import { nameAtRisk } from '../enrich/name.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { readSettings } from '../kernel/settings.ts';
import { type TcpTimeouts, timeoutsFrom } from '../lib/tcp-timeouts.ts';
import type { NamedFlowAtRisk } from '../model/at-risk.ts';
import { auditJson } from '../report/audit-json.ts';
import type { AuditReport } from '../report/audit-report.ts';
import { auditTable } from '../report/audit-table.ts';
import { largestFirst, type ProtectionReport, sumOfConnections } from '../report/protection-report.ts';
import { whetherProtected } from './audit/whether-protected.ts';
import { checkProc } from './shared/check-proc.ts';
import { writeAll } from './shared/write-all.ts';
import { flowNames } from './table/flow-names.ts';
import { inTurns, takeSnapshot } from './table/take-snapshot.ts';
import { createFlowStore } from './table/watch-table.ts';
import { loadTopology } from './topology/load-topology.ts';
import { readTopology } from './topology/read-topology.ts';

const STRIDE = 4096;
const TABLE_LIMIT = 50;
/** Of each second of the timeout; the agent renews at a quarter of the time left at the latest, or earlier. */
const NOT_RENEWED_TICKS = (10 * 7) / 8;

/**
 * Reads the table and the sockets once, and prints the connections that will break if they stay idle. Returns the exit
 * status: 0 also when there are some. Throws a KernelError or a UsageError.
 */
export async function runAudit(options: OptionsOf<'audit'>, stop: AbortSignal): Promise<number> {
  checkProc(options.procPath);
  const clock = systemClock();
  const topology = await readTopology(await loadTopology(options), clock, stop);
  const { maxIdleMs, notes: protectionNotes } = await whetherProtected(options, stop);
  const { settings } = readSettings(options.procPath);
  const timeouts = timeoutsFrom(settings);
  const store = createFlowStore(settings, clock);
  const { read, sockets, scan } = await takeSnapshot({
    store,
    clock,
    procPath: options.procPath,
    timeouts,
    unheard: false,
    onMalformed: () => {},
    stop,
  });
  if (read.result === 'failed') throw read.error;
  const isLocalClient = (slot: Slot) => sockets?.isLocalClient(slot) ?? false;
  const notes = [
    ...(read.result === 'interrupted'
      ? ['the table changed its size while it was read: some may be missing']
      : []),
    ...(scan?.problem === undefined ? [] : [`some sockets cannot be looked at: ${scan.problem}`]),
    ...protectionNotes,
  ];
  for (const note of notes) process.stderr.write(`conntrack-watchdog: ${note}\n`);

  const protection = maxIdleMs === undefined ? undefined : ruleOf(maxIdleMs, timeouts, clock);
  const context: RiskContext = { store, timeouts, isLocalClient, protection };
  const found: Candidate[] = [];
  const audit = new Audit(context, flowNames(topology, options.nodeName), (slot, reason, unprotected) =>
    found.push({ slot, reason, unprotected, at: breaksAt(store, slot) }),
  );
  await inTurns(clock, stop, (from) => audit.visit(from, STRIDE));
  found.sort((a, b) => a.at - b.at);
  const summary = audit.summary();

  const limit = options.limit ?? (options.json ? Number.POSITIVE_INFINITY : TABLE_LIMIT);
  const listed = options.json ? found.slice(0, limit) : found;
  const nowTick = tickOf(clock.monotonicMs());
  const describe = ({ slot, reason, unprotected }: Candidate): NamedFlowAtRisk =>
    nameAtRisk(topology, describeRisk(context, slot, reason, nowTick, unprotected), options.nodeName);
  const report: AuditReport = {
    node: options.nodeName,
    takenAtMs: clock.wallMs(),
    flows: summary.flows,
    total: found.length,
    unknown: found.filter(({ reason }) => reason === 'unknown').length,
    protection: maxIdleMs === undefined ? undefined : protectionOf(summary, maxIdleMs, limit),
    // Named as they are printed: there may be a quarter of a million.
    atRisk: lazily(listed, describe),
    settings: Object.fromEntries(settings),
  };
  const color = options.color && process.stdout.isTTY;
  const width = process.stdout.columns ?? Number.POSITIVE_INFINITY;
  await writeAll(options.json ? auditJson(report) : auditTable(report, { limit, color, width }));
  return 0;
}

/**
 * The agent's rule; when it renews an entry does not matter here. Idle time looks shorter from here, as a renewal looks
 * like a packet; but what has so little time left that the agent would have renewed it long ago, it leaves to expire.
 */
function ruleOf(maxIdleMs: number, timeouts: TcpTimeouts, clock: Clock): ProtectionRule {
  return {
    nowTick: tickOf(clock.monotonicMs()),
    maxIdleTicks: Math.min(maxIdleMs / 100, timeouts.established * NOT_RENEWED_TICKS),
    window: renewalWindow(timeouts.established, 0),
  };
}

function protectionOf(
  { protected: workloads }: AuditSummary,
  maxIdleMs: number,
  limit: number,
): ProtectionReport {
  return {
    connections: sumOfConnections(workloads),
    maxIdleSeconds: maxIdleMs / 1000,
    workloads: largestFirst(workloads, limit),
  };
}

/** Each item anew each time it is gone over. */
function lazily<A, B>(items: readonly A[], map: (item: A) => B): Iterable<B> {
  return {
    *[Symbol.iterator]() {
      for (const item of items) yield map(item);
    },
  };
}
