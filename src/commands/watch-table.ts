import { CLIENT_ESTABLISHED, msOf } from '../audit/flow-columns.ts';
import { FlowStore } from '../audit/flow-store.ts';
import { Audit, type AuditSummary, type FlowNames } from '../audit/summary.ts';
import type { MalformedReason } from '../decode/attributes.ts';
import type { Detector } from '../detect/detector-state.ts';
import { loseUnseen } from '../detect/losses.ts';
import type { Clock } from '../kernel/clock.ts';
import type { KernelSettings } from '../kernel/settings.ts';
import { timeoutsFrom } from '../lib/tcp-timeouts.ts';
import type { Finding } from '../model/finding.ts';
import type { ResyncReason, SnapshotResult } from '../report/metric-table.ts';
import type { Readings } from '../report/readings.ts';
import { inTurns, type Snapshot, sweepGone, takeSnapshot } from './take-snapshot.ts';

/** nf_conntrack_max where it cannot be read. */
const USUAL_LIMIT = 262_144;
/** Virtual memory for 60 bytes each; a larger table's flows beyond this are not followed, and counted. */
const MOST_FLOWS = 4_194_304;
const REMEMBERED = 262_144;
/** The kernel's default for an idle connection: whoever sends later than that lost the entry long before. */
const REMEMBERED_TTL_MS = 432_000_000;
/** While events are being lost all the time, so often at most. */
const RESYNC_GAP_MS = 5_000;
const RETRY_MS = 5_000;
const STOP_MS = 300;
const STRIDE = 1024;

/** Room for every flow that the table can hold. */
export function createFlowStore(settings: KernelSettings, clock: Clock): FlowStore {
  const options = {
    capacity: capacityFor(settings),
    rememberedCapacity: REMEMBERED,
    rememberedTtlMs: REMEMBERED_TTL_MS,
  };
  return new FlowStore(options, clock.monotonicMs());
}

function capacityFor(settings: KernelSettings): number {
  return Math.min(settings.get('nf_conntrack_max') ?? USUAL_LIMIT, MOST_FLOWS) + REMEMBERED;
}

export interface TableWatchOptions {
  readonly clock: Clock;
  readonly procPath: string;
  readonly store: FlowStore;
  readonly detector: Detector;
  /** Undefined: only at the start and after lost events. */
  readonly intervalMs: number | undefined;
  readonly settings: () => KernelSettings;
  /** Asks the kernel whether events were lost, and tells the detector. */
  readonly checkEventsLost: () => void;
  readonly names: FlowNames;
  readonly onFinding: (finding: Finding) => void;
  readonly onMalformed: (reason: MalformedReason) => void;
  readonly onSnapshot: (snapshot: Snapshot, store: FlowStore, audit: AuditSummary | undefined) => void;
}

export type TableReadings = Pick<Readings, 'audit' | 'snapshot'>;

/** Before the first. */
export const NO_SNAPSHOT: TableReadings = {
  audit: undefined,
  snapshot: {
    flows: undefined,
    durationSeconds: undefined,
    blindEntries: undefined,
    results: { complete: 0, interrupted: 0, failed: 0 },
    resyncs: { events_lost: 0, events_enabled: 0 },
  },
};

/** Snapshots of the table, one after another: at the start, at their interval, and when events were lost. */
export interface TableWatch {
  /** Resolves when the first snapshot was taken, complete or not. */
  readonly begun: Promise<void>;
  resync(reason: ResyncReason): void;
  readings(): TableReadings;
  stop(): Promise<void>;
}

export function watchTable(options: TableWatchOptions): TableWatch {
  const { clock, store, detector, intervalMs } = options;
  const stopping = new AbortController();
  const results: Record<SnapshotResult, number> = { complete: 0, interrupted: 0, failed: 0 };
  const resyncs: Record<ResyncReason, number> = { events_lost: 0, events_enabled: 0 };
  let audit: AuditSummary | undefined;
  let durationMs: number | undefined;
  /** New flows of the next snapshot were made while nobody listened. */
  let unheard = options.settings().get('nf_conntrack_events') !== 1;
  let wanted: ResyncReason | undefined;
  let lastResyncMs = Number.NEGATIVE_INFINITY;
  let wake = () => {};

  const snapshot = async () => {
    const startedAtMs = clock.monotonicMs();
    const settings = options.settings();
    const eventsOff = settings.get('nf_conntrack_events') === 0;
    const timeouts = timeoutsFrom(settings);
    store.grow(capacityFor(settings));
    const taken = await takeSnapshot({
      ...options,
      timeouts,
      unheard: unheard || eventsOff,
      stop: stopping.signal,
    });
    if (stopping.signal.aborted) return;
    results.interrupted += taken.interrupted;
    const { result } = taken.read;
    if (result !== 'interrupted') results[result]++;
    if (result === 'complete') {
      unheard = eventsOff;
      options.checkEventsLost();
      const context = {
        nowMs: clock.monotonicMs(),
        eventsLostAtMs: detector.eventsLostAtMs,
        sockets: taken.sockets,
      };
      await sweepGone(store, context, clock, lose);
    }
    const isLocalClient = (slot: number) => taken.sockets.isLocalClient(slot);
    const counting = new Audit({ store, timeouts, isLocalClient }, options.names);
    await inTurns(clock, (from) => counting.visit(from, STRIDE));
    if (result === 'complete') {
      audit = counting.summary();
      durationMs = clock.monotonicMs() - startedAtMs;
    }
    options.onSnapshot(taken, store, audit);
    return result;
  };
  const lose = (slot: number) => {
    const flow = store.read(slot, clock.wallMs() - clock.monotonicMs());
    const isEstablished = (store.columns.flags[slot]! & CLIENT_ESTABLISHED) !== 0;
    const findings = loseUnseen(detector, flow, clock.monotonicMs(), isEstablished);
    for (const finding of findings) options.onFinding(finding);
  };

  /** Waits for its time; a resync ends it early, but not within the gap after the one before. */
  const pause = async (ms: number) => {
    const dueAtMs = clock.monotonicMs() + ms;
    for (;;) {
      const nowMs = clock.monotonicMs();
      const resyncAtMs = wanted ? lastResyncMs + RESYNC_GAP_MS : Number.POSITIVE_INFINITY;
      const leftMs = Math.min(dueAtMs, resyncAtMs) - nowMs;
      if (leftMs <= 0 || stopping.signal.aborted) return;
      await new Promise<void>((resolve) => {
        // setTimeout takes no more than 31 bits; without an interval the next look is a resync's.
        const timer = setTimeout(resolve, Math.min(leftMs, 2 ** 30));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const goOn = async () => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const usualMs = intervalMs ?? Number.POSITIVE_INFINITY;
      failures = last === 'complete' ? 0 : failures + 1;
      await pause(failures === 0 ? usualMs : Math.min(usualMs, RETRY_MS * 2 ** Math.min(failures, 10)));
      if (stopping.signal.aborted) return;
      if (wanted) {
        resyncs[wanted]++;
        lastResyncMs = clock.monotonicMs();
        wanted = undefined;
      }
      last = await snapshot();
    }
  };
  let last: SnapshotResult | undefined;
  const begun = snapshot().then((result) => {
    last = result;
  });
  const ended = begun.then(goOn);

  return {
    begun,
    resync(reason) {
      if (reason === 'events_enabled') unheard = true;
      wanted ??= reason;
      wake();
    },
    readings: () => ({
      audit: audit && {
        services: audit.services.map(({ nextBreakAt, ...service }) => ({
          ...service,
          nextExpirySeconds:
            nextBreakAt === undefined
              ? undefined
              : Math.max(0, (msOf(nextBreakAt) - clock.monotonicMs()) / 1000),
        })),
        atRisk: audit.atRisk,
      },
      snapshot: {
        flows: audit?.flows,
        durationSeconds: durationMs === undefined ? undefined : durationMs / 1000,
        blindEntries: audit && store.blind,
        results,
        resyncs,
      },
    }),
    stop: async () => {
      stopping.abort();
      wake();
      // Looking at the sockets may take its time; nothing is lost when it is cut short.
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STOP_MS).unref())]);
    },
  };
}
