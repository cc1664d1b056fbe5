import { tickOf } from '../../audit/flow-columns.ts';
import type { FlowStore } from '../../audit/flow-store.ts';
import type { ProtectionRule } from '../../audit/protection.ts';
import { type RenewalWindow, renewalWindow } from '../../audit/renewal-window.ts';
import type { AuditSummary, ServiceName } from '../../audit/summary.ts';
import type { Clock } from '../../kernel/clock.ts';
import { BATCH, openRenewalSocket, type RenewalSocket } from '../../kernel/renewal-socket.ts';
import type { TcpTimeouts } from '../../lib/tcp-timeouts.ts';
import { RENEWAL_RESULTS, type RenewalResult } from '../../model/protection.ts';
import type { Log } from '../../report/log.ts';
import type { Metrics } from '../../report/metrics.ts';
import { createBreather } from '../table/breather.ts';
import type { TableProtection } from '../table/watch-table.ts';
import { createProtectionLog } from './protection-log.ts';
import { renewBatch } from './renew-batch.ts';

const LIMITS = {
  /** Nobody's table needs more: with a timeout of a day that is a thousand times what a full one asks for. */
  aRound: 20_000,
  /** Others that listen to conntrack events hear of each. */
  aSecond: 25_000,
  /**
   * What can wait does so when more of all connections is due than is due on the average, so that a round costs little more
   * than its snapshot: a renewal takes the CPU several times as long as reading a connection does. Never less than the
   * first part of all, nor more than the second.
   */
  leastShare: 1 / 20,
  mostShare: 1 / 5,
  /** So few can always be done. */
  few: 1_000,
};

/** How long the event loop is kept at a time, and how far the renewals may be ahead of their ceiling a second. */
const TURN_MS = 3;
const AHEAD_MS = 20;
/** More than the average, or what was put off would never be made up for. */
const MARGIN = 1.2;

export interface ProtectOptions {
  readonly store: FlowStore;
  readonly clock: Clock;
  readonly maxIdleMs: number;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'countRenewals' | 'countSkipped' | 'declareRenewals'>;
}

/** Renewals of one Service in one round. */
export type RenewalCounts = Record<RenewalResult, number>;

export interface RoundResult {
  readonly services: ReadonlyMap<ServiceName, RenewalCounts>;
  /** More than are renewed in one round, and not certain to be there in the next. */
  readonly overLimit: number;
  /** What the kernel said of the first that failed. */
  readonly problem: string | undefined;
}

/**
 * Keeps the entries of living connections alive: `--protect renew`. Throws a KernelError, and leaves nothing open then.
 * `open` and `limits` are given by tests only.
 */
export function protectFlows(
  { store, clock, maxIdleMs, log, metrics }: ProtectOptions,
  open: () => RenewalSocket = openRenewalSocket,
  limits: typeof LIMITS = LIMITS,
): TableProtection {
  const socket = open();
  const tell = createProtectionLog(log, maxIdleMs);
  metrics.declareRenewals();
  let window: RenewalWindow = renewalWindow(0, 0);
  /** Of all connections, how many may be renewed in a round though they could wait. */
  let share = limits.mostShare;

  const renewDue = async (
    { due, flows }: AuditSummary,
    timeouts: TcpTimeouts,
    stop: AbortSignal,
  ): Promise<RoundResult> => {
    const services = new Map<ServiceName, RenewalCounts>();
    let problem: string | undefined;
    const begunAtMs = clock.monotonicMs();
    let done = 0;
    const breather = createBreather(TURN_MS, clock.monotonicMs);
    const urgent = due.countBelow(window.urgentSeconds);
    const limit = Math.min(limits.aRound, Math.max(urgent, limits.few, Math.floor(flows * share)));
    for (const batch of inBatches(due.first(limit), BATCH)) {
      // Whoever stops may have closed the socket by now.
      if (stop.aborted) break;
      const slots = batch.map(({ slot }) => slot);
      const results = renewBatch(store, socket, slots, timeouts, clock.monotonicMs);
      for (const [i, { result, problem: said }] of results.entries()) {
        countsOf(services, batch[i]!.owner)[result]++;
        problem ??= said;
      }
      done += batch.length;
      // To wake up costs as much as a batch: rather seldom, and several batches then.
      const aheadMs = begunAtMs + (done / limits.aSecond) * 1000 - clock.monotonicMs();
      if (aheadMs >= AHEAD_MS) await new Promise((resolve) => setTimeout(resolve, aheadMs));
      else await breather.breathe();
    }
    return { services, overLimit: Math.max(0, urgent - limits.aRound), problem };
  };

  return {
    rule: (timeouts: TcpTimeouts, roundMs: number): ProtectionRule => {
      window = renewalWindow(timeouts.established, roundMs);
      const average = averageShare(window, roundMs / 1000) * MARGIN;
      share = Math.min(limits.mostShare, Math.max(limits.leastShare, average));
      return {
        nowTick: tickOf(clock.monotonicMs()),
        maxIdleTicks: maxIdleMs / 100,
        window,
      };
    },
    async renew(audit, timeouts, stop) {
      for (const { service } of audit.protected) metrics.countRenewals(service, {});
      for (const [reason, count] of audit.skipped) metrics.countSkipped(reason, count);
      tell.begin(audit, timeouts, window);
      const round = await renewDue(audit, timeouts, stop);
      for (const [service, counts] of round.services) metrics.countRenewals(service, counts);
      metrics.countSkipped('limit', round.overLimit);
      tell.end(round);
      return round.overLimit > 0;
    },
    close: () => socket.close(),
  };
}

/** Of connections that stay idle, the part that is due in a round: each once in the time between two renewals. */
function averageShare({ timeoutSeconds, latestSeconds }: RenewalWindow, roundSeconds: number): number {
  return timeoutSeconds > latestSeconds ? roundSeconds / (timeoutSeconds - latestSeconds) : 1;
}

function countsOf(services: Map<ServiceName, RenewalCounts>, service: ServiceName): RenewalCounts {
  let counts = services.get(service);
  if (!counts) {
    counts = Object.fromEntries(RENEWAL_RESULTS.map((result) => [result, 0])) as RenewalCounts;
    services.set(service, counts);
  }
  return counts;
}

function* inBatches<T>(items: Iterable<T>, size: number): Generator<readonly T[], void> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
