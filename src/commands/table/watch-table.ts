import { msOf } from '../../audit/flow-columns.ts';
import { FlowStore } from '../../audit/flow-store.ts';
import type { ProtectionRule } from '../../audit/protection.ts';
import { roundInterval } from '../../audit/renewal-window.ts';
import type { SocketMarks } from '../../audit/socket-marks.ts';
import type { AuditSummary, FlowNames } from '../../audit/summary.ts';
import type { MalformedReason } from '../../decode/attributes.ts';
import type { Detector } from '../../detect/detector-state.ts';
import { loseUnseen } from '../../detect/losses.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { KernelSettings } from '../../kernel/settings.ts';
import { type TcpTimeouts, timeoutsFrom } from '../../lib/tcp-timeouts.ts';
import type { Finding } from '../../model/finding.ts';
import type { Tuple } from '../../model/flow.ts';
import type { ResyncReason, SnapshotResult } from '../../report/metric-table.ts';
import type { Readings } from '../../report/readings.ts';
import { auditStore, type TableAtRisk } from './audit-store.ts';
import { type Snapshot, Stopped, type Suspect, sweepGone, takeSnapshot } from './take-snapshot.ts';

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
const LONGEST_RETRY_MS = 60_000;
const SUSPECTS_AT_ONCE = 256;
const STOP_MS = 300;

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
  readonly protection?: TableProtection | undefined;
  readonly settings: () => KernelSettings;
  /** Called when the time between snapshots is another than before: protection may need them more often. */
  readonly onInterval?: (intervalMs: number, timeouts: TcpTimeouts) => void;
  /** Asks the kernel whether events were lost, and tells the detector. */
  readonly checkEventsLost: () => void;
  readonly names: FlowNames;
  readonly onFinding: (finding: Finding) => void;
  readonly onMalformed: (reason: MalformedReason) => void;
  /** Asks the kernel for an entry. Undefined: it did not answer. */
  readonly isGone: (zone: number, original: Tuple) => Promise<boolean | undefined>;
  /** Called for what is a fault of this program. */
  readonly onFault: (error: Error) => void;
  readonly onSnapshot: (snapshot: Snapshot, store: FlowStore, audit: AuditSummary | undefined) => void;
}

/** Keeps entries alive, after the snapshot that found them due: commands/protect. */
export interface TableProtection {
  /** `roundMs`: from the beginning of one round to that of the next. */
  rule(timeouts: TcpTimeouts, roundMs: number): ProtectionRule;
  /** Resolves with true if more are about to expire than could be renewed: the next round should come at once. */
  renew(audit: AuditSummary, timeouts: TcpTimeouts, stop: AbortSignal): Promise<boolean>;
  close(): void;
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
  /** Takes notice of settings that may be others: a shorter timeout may want the next snapshot sooner. */
  adapt(): void;
  /** From the end of a snapshot to the beginning of the next; undefined: only at the start and after lost events. */
  intervalMs(): number | undefined;
  readings(): TableReadings;
  /** Of the last complete snapshot; undefined before the first. */
  atRisk(): TableAtRisk | undefined;
  stop(): Promise<void>;
}

export function watchTable(options: TableWatchOptions): TableWatch {
  const { clock, store, detector, intervalMs, protection } = options;
  const stopping = new AbortController();
  const stop = stopping.signal;
  const results: Record<SnapshotResult, number> = { complete: 0, interrupted: 0, failed: 0 };
  const resyncs: Record<ResyncReason, number> = { events_lost: 0, events_enabled: 0 };
  let audit: AuditSummary | undefined;
  let atRisk: TableAtRisk | undefined;
  let durationMs: number | undefined;
  /** How long the last round took, renewals included, and how long the next one is waited for. */
  let roundMs = 0;
  let isBehind = false;
  let usualMs = intervalMs ?? Number.POSITIVE_INFINITY;
  /** New flows of the next snapshot were made while nobody listened. Those of the first may have been, in any case. */
  let unheard = true;
  /** With 1 every entry sends events; unless it was set after some were made, which nobody can tell. */
  let presumedHeard = options.settings().get('nf_conntrack_events') === 1;
  let wanted: ResyncReason | undefined;
  let lastResyncMs = Number.NEGATIVE_INFINITY;
  let wake = () => {};

  const snapshot = async (): Promise<SnapshotResult> => {
    const startedAtMs = clock.monotonicMs();
    const settings = options.settings();
    const eventsOff = settings.get('nf_conntrack_events') === 0;
    const timeouts = timeoutsFrom(settings);
    store.grow(capacityFor(settings));
    adaptInterval(timeouts);
    const taken = await takeSnapshot({ ...options, timeouts, unheard: unheard || eventsOff, stop });
    results.interrupted += taken.interrupted;
    const { sockets } = taken;
    const { result } = taken.read;
    if (result === 'complete' && sockets) {
      unheard = eventsOff;
      presumedHeard &&= !eventsOff;
      options.checkEventsLost();
      await judgeGone(sockets);
      const isLocalClient = (slot: number) => sockets.isLocalClient(slot);
      const rule = protection?.rule(timeouts, usualMs + roundMs);
      const context = { store, timeouts, isLocalClient, protection: rule };
      ({ audit, atRisk } = await auditStore(context, options.names, clock, stop));
      durationMs = clock.monotonicMs() - startedAtMs;
      isBehind = (await protection?.renew(audit, timeouts, stop)) ?? false;
    }
    roundMs = clock.monotonicMs() - startedAtMs;
    if (result !== 'interrupted') results[result]++;
    options.onSnapshot(taken, store, audit);
    return result;
  };
  const adaptInterval = (timeouts: TcpTimeouts) => {
    if (!protection || intervalMs === undefined) return;
    const before = usualMs;
    usualMs = roundInterval(timeouts.established, intervalMs);
    if (usualMs !== before) options.onInterval?.(usualMs, timeouts);
  };
  /** A fault of our own must not end the watching: it is told, and the next snapshot may do better. */
  const trySnapshot = async (): Promise<SnapshotResult> => {
    try {
      return await snapshot();
    } catch (error) {
      if (!(error instanceof Stopped)) options.onFault(error as Error);
      if (!(error instanceof Stopped)) results.failed++;
      return 'failed';
    }
  };
  const judgeGone = async (sockets: SocketMarks) => {
    const { eventsLostAtMs } = detector;
    const context = { nowMs: clock.monotonicMs(), eventsLostAtMs, sockets };
    const suspects = await sweepGone(store, context, clock, stop);
    for (let i = 0; i < suspects.length; i += SUSPECTS_AT_ONCE) {
      if (stop.aborted) throw new Stopped();
      await Promise.all(suspects.slice(i, i + SUSPECTS_AT_ONCE).map(confirm));
    }
  };
  /** A new connection may have the tuple by now: lost is only what has no entry at all. */
  const confirm = async ({ slot, serverIsOpen }: Suspect) => {
    const { zone, original } = store.read(slot, 0).entry;
    const isGone = await options.isGone(zone, original);
    // Its DESTROY, or a pickup, may have told meanwhile, and the slot may be another flow's.
    const again = store.findByOriginal(zone, original);
    if (again === undefined || again !== slot) return;
    if (isGone === false) return store.remove(zone, original);
    if (isGone === undefined) return;
    const flow = store.read(slot, clock.wallMs() - clock.monotonicMs());
    const findings = loseUnseen(detector, flow, clock.monotonicMs(), serverIsOpen);
    for (const finding of findings) options.onFinding(finding);
  };

  /** Waits for its time; a resync ends it early, but not within the gap after the one before. */
  const pause = async (ms: () => number) => {
    const begunAtMs = clock.monotonicMs();
    for (;;) {
      const nowMs = clock.monotonicMs();
      const resyncAtMs = wanted ? lastResyncMs + RESYNC_GAP_MS : Number.POSITIVE_INFINITY;
      const leftMs = Math.min(begunAtMs + ms(), resyncAtMs) - nowMs;
      if (leftMs <= 0 || stop.aborted) return;
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
    while (!stop.aborted) {
      const againMs = Math.min(usualMs, LONGEST_RETRY_MS, RETRY_MS * 2 ** failures);
      failures = last === 'complete' ? 0 : Math.min(failures + 1, 10);
      await pause(() => (last !== 'complete' ? againMs : isBehind ? 0 : usualMs));
      if (stop.aborted) return;
      if (wanted) {
        resyncs[wanted]++;
        lastResyncMs = clock.monotonicMs();
        wanted = undefined;
      }
      last = await trySnapshot();
    }
  };
  let last: SnapshotResult | undefined;
  const begun = trySnapshot().then((result) => {
    last = result;
  });
  const ended = begun.then(goOn);

  return {
    begun,
    resync(reason) {
      if (reason === 'events_enabled') {
        unheard = true;
        presumedHeard = false;
      }
      wanted ??= reason;
      wake();
    },
    adapt() {
      const before = usualMs;
      adaptInterval(timeoutsFrom(options.settings()));
      if (usualMs !== before) wake();
    },
    intervalMs: () => (Number.isFinite(usualMs) ? usualMs : undefined),
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
        protected: options.protection && audit.protected,
      },
      snapshot: {
        flows: audit?.flows,
        durationSeconds: durationMs === undefined ? undefined : durationMs / 1000,
        blindEntries: audit && (presumedHeard ? 0 : store.blind),
        results,
        resyncs,
      },
    }),
    atRisk: () => atRisk,
    stop: async () => {
      stopping.abort();
      wake();
      // Looking at the sockets may take its time; nothing is lost when it is cut short.
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STOP_MS).unref())]);
      protection?.close();
    },
  };
}
