import { IPPROTO_TCP } from '../lib/ctnetlink.ts';
import type { Cause, EntryLost, Finding, Pickup, Verdict } from '../model/finding.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import {
  causeAfterPickup,
  causeOfLoss,
  compareMapping,
  isPickup,
  isTranslated,
  sameTuple,
  tookOpenConnection,
} from './classify.ts';
import { type LostEntry, LostTable, type Slot } from './lost-table.ts';
import { type PendingPickup, PendingPickups } from './pending-pickups.ts';
import { DEFAULT_TIMEOUTS, lastActivity, type TcpTimeouts } from './timeouts.ts';

/*
 * From events to findings. One connection is followed under its zone and original tuple:
 *
 *      DESTROY of an open,            NEW in ESTABLISHED,              DESTROY in CLOSE: reset
 *      translated entry               no reply, by the kernel          reply seen: survived
 *   ─────────────────────▶  lost  ─────────────────────────▶ pending ─▶ neither within the confirm window:
 *                                  (also with nothing lost)             the kernel is asked; no reply: stalled
 *
 * A client's packet makes an entry with the same original tuple as the lost one; a server's makes one whose
 * original tuple is the lost one's reply tuple. A pickup with nothing lost before it is followed as well: its
 * loss was not seen. `reset` and `stalled` are a broken connection unless the new mapping equals the old one
 * (then it is the server that restarted). After that the connection is marked, and what it still sends is no
 * second broken connection, until a loss of a replied entry shows that a new connection uses the tuple.
 *
 * Times: `nowMs` is monotonic and decides; the events' own times are only reported.
 */

export interface DetectorSettings {
  readonly confirmWindowMs: number;
  readonly lostCapacity: number;
  readonly lostTtlMs: number;
  /** Losses that an old kernel does not tell from an orderly close: apart, so that they cannot push out others. */
  readonly unconfirmedCapacity: number;
  readonly unconfirmedTtlMs: number;
  readonly pendingCapacity: number;
  /** Connections found broken of which nothing was known before, to count them once. */
  readonly brokenCapacity: number;
  readonly brokenTtlMs: number;
  /**
   * Whether a Service is known to have this address. Untranslated pickups are of interest only then: after a
   * flush every connection of the node that has nothing to do with Services is picked up too.
   */
  readonly isServiceAddress: (ip: string, port: number) => boolean;
}

export const DEFAULT_SETTINGS: Omit<DetectorSettings, 'confirmWindowMs' | 'isServiceAddress'> = {
  // nf_conntrack_max on a machine of 4 GiB and more: a flush of a full table fits.
  lostCapacity: 262_144,
  // The kernel's default for an idle connection: whoever sends later than that lost the entry long before.
  lostTtlMs: 432_000_000,
  unconfirmedCapacity: 65_536,
  unconfirmedTtlMs: 86_400_000,
  pendingCapacity: 32_768,
  brokenCapacity: 65_536,
  // A client retransmits for 15 minutes (net.ipv4.tcp_retries2) and then gives up.
  brokenTtlMs: 1_200_000,
};

/**
 * How long to wait before the kernel is asked again, by how often it was. Together a little less than the 300 s after
 * which an unanswered entry goes by itself, which is an event.
 */
const ASK_AGAIN_MS = [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000];

export interface Detector {
  readonly settings: DetectorSettings;
  readonly lost: LostTable;
  readonly unconfirmed: LostTable;
  readonly pending: PendingPickups;
  readonly broken: LostTable;
  timeouts: TcpTimeouts;
  /** When messages were last known to be lost, monotonic milliseconds. */
  eventsLostAtMs: number;
}

export function createDetector(settings: DetectorSettings): Detector {
  return {
    settings,
    lost: new LostTable(settings.lostCapacity, settings.lostTtlMs),
    unconfirmed: new LostTable(settings.unconfirmedCapacity, settings.unconfirmedTtlMs),
    pending: new PendingPickups(settings.pendingCapacity),
    broken: new LostTable(settings.brokenCapacity, settings.brokenTtlMs),
    timeouts: DEFAULT_TIMEOUTS,
    eventsLostAtMs: Number.NEGATIVE_INFINITY,
  };
}

/** Takes one event. Events must come in the kernel's order. */
export function step(detector: Detector, event: FlowEvent, nowMs: number): Finding[] {
  if (event.protocol !== IPPROTO_TCP) return [];
  if (isPickup(event)) return onPickup(detector, event, nowMs);
  if (event.type === 'destroy') return onDestroy(detector, event, nowMs);
  return [];
}

/** The pickups whose confirm window is over: the kernel is to be asked for their entry now. */
export function due(detector: Detector, nowMs: number): PendingPickup[] {
  return detector.pending.takeDue(nowMs);
}

/** When `due` will next have something to return; undefined if nothing waits. */
export function nextDueAtMs(detector: Detector): number | undefined {
  return detector.pending.nextDueAtMs();
}

/** What the kernel said of a pickup's entry: the entry, that there is none, or nothing at all. */
export type Answer = FlowEvent | 'absent' | 'no_answer';

/**
 * Takes the kernel's answer. An entry without a reply is stalled only if its sender has spoken again: a bare
 * acknowledgement, which is what often comes first after a loss, is answered by nobody. Until that is known the
 * kernel is asked again, at growing distances. `absent` may have overtaken the DESTROY that explains it; an entry
 * that the second time is gone without one ended in a way the filter hides, and that takes a reply.
 */
export function settle(detector: Detector, pending: PendingPickup, answer: Answer, nowMs: number): Finding[] {
  if (!detector.pending.has(pending)) return [];
  if (typeof answer === 'object' && sameTuple(answer.original, pending.pickup.original)) {
    if (answer.seenReply) return decide(detector, pending, 'survived', undefined, nowMs);
    if (spokeAgain(pending, answer, nowMs)) return decide(detector, pending, 'stalled', undefined, nowMs);
  } else if (answer !== 'no_answer' && ++pending.absent === 2) {
    const told = detector.eventsLostAtMs < pending.seenAtMs;
    return decide(detector, pending, told ? 'survived' : 'unknown', undefined, nowMs);
  }
  const again = ASK_AGAIN_MS[pending.fruitless];
  if (again === undefined) return decide(detector, pending, 'unknown', undefined, nowMs);
  detector.pending.postpone(pending, nowMs + again);
  return [];
}

/**
 * Whether packets came after the one that made the entry: each sets its timer anew, so more is left of it than the
 * first packet alone would have left. A second is allowed for rounding, as the kernel sends whole ones.
 */
function spokeAgain({ pickup, seenAtMs }: PendingPickup, answer: FlowEvent, nowMs: number): boolean {
  if (pickup.timeoutSeconds === undefined || answer.timeoutSeconds === undefined) return false;
  return answer.timeoutSeconds > pickup.timeoutSeconds + 1 - (nowMs - seenAtMs) / 1000;
}

/** Ends the watching: what is still pending has no verdict. */
export function abandon(detector: Detector, nowMs: number): Finding[] {
  return [...detector.pending.values()].flatMap((pending) =>
    decide(detector, pending, 'unknown', undefined, nowMs),
  );
}

function onPickup(detector: Detector, event: FlowEvent, nowMs: number): Finding[] {
  const found = findLost(detector, event, nowMs);
  const lost = found?.entry;
  const { dst, dport } = event.original;
  if (!lost && !isTranslated(event) && !detector.settings.isServiceAddress(dst, dport)) return [];
  const cause = lost?.destroy ? causeAfterPickup(lost.cause, lost.destroy, event) : 'unseen';
  const pending: PendingPickup = {
    pickup: event,
    connection: { ...(lost?.original ?? event.original), zone: event.zone },
    sender: found?.sender ?? 'client',
    mapping: compareMapping(lost?.destroy, event),
    cause,
    destroy: lost?.destroy,
    lastActivityMs: lost?.lastActivityMs,
    alreadyBroken: lost?.broken ?? false,
    seenAtMs: nowMs,
    dueAtMs: nowMs + detector.settings.confirmWindowMs,
    fruitless: 0,
    absent: 0,
  };
  const findings: Finding[] = [];
  if (found?.table === detector.unconfirmed && lost?.destroy) {
    // The pickup shows that the connection was open: now it is a loss like any other.
    found.table.remove(found.slot);
    detector.lost.add(lost.destroy, cause, lost.lastActivityMs, nowMs);
    findings.push(entryLost(lost.destroy, cause));
  }
  for (const displaced of detector.pending.add(pending)) {
    findings.push(...conclude(detector, displaced, 'unknown', undefined, nowMs));
  }
  return findings;
}

interface FoundLoss {
  readonly table: LostTable;
  readonly slot: Slot;
  readonly entry: LostEntry;
  readonly sender: PendingPickup['sender'];
}

function findLost(detector: Detector, event: FlowEvent, nowMs: number): FoundLoss | undefined {
  for (const table of [detector.lost, detector.unconfirmed]) {
    if (table.size === 0) continue;
    const byClient = table.findByOriginal(event.zone, event.original, nowMs);
    if (byClient !== undefined)
      return { table, slot: byClient, entry: table.read(byClient), sender: 'client' };
    const byServer = table.findByReply(event.zone, event.original, nowMs);
    if (byServer !== undefined)
      return { table, slot: byServer, entry: table.read(byServer), sender: 'server' };
  }
  return undefined;
}

function onDestroy(detector: Detector, event: FlowEvent, nowMs: number): Finding[] {
  const pending = detector.pending.get(event.zone, event.original);
  const findings = pending
    ? decide(detector, pending, verdictOf(detector, pending, event, nowMs), event, nowMs)
    : [];
  if (!isTranslated(event)) return findings;
  const took = tookOpenConnection(event);
  if (took === 'no') return findings;
  const cause = causeOfLoss(event);
  const activity = lastActivity(event, detector.timeouts);
  // The entry was in use: whatever was known of this tuple before belongs to an earlier connection.
  for (const table of [detector.lost, detector.unconfirmed, detector.broken]) {
    table.forget(event.zone, event.original, nowMs);
  }
  if (took === 'maybe') {
    detector.unconfirmed.add(event, cause, activity, nowMs);
    return findings;
  }
  detector.lost.add(event, cause, activity, nowMs);
  findings.push(entryLost(event, cause));
  return findings;
}

/** What the DESTROY of a picked-up entry says about it. */
function verdictOf(detector: Detector, pending: PendingPickup, destroy: FlowEvent, nowMs: number): Verdict {
  if (destroy.seenReply) return 'survived';
  if (destroy.tcpState === 'CLOSE') return 'reset';
  // A program, table pressure, or its short time took it before it was answered. Who waits for an answer will send
  // again, and that is another pickup.
  if (destroy.portId !== 0 || destroy.tcpState !== undefined) return 'unknown';
  return nowMs - pending.seenAtMs < detector.settings.confirmWindowMs ? 'reset' : 'unknown';
}

function decide(
  detector: Detector,
  pending: PendingPickup,
  verdict: Verdict,
  end: FlowEvent | undefined,
  nowMs: number,
): Finding[] {
  detector.pending.remove(pending);
  return conclude(detector, pending, verdict, end, nowMs);
}

function conclude(
  detector: Detector,
  pending: PendingPickup,
  verdict: Verdict,
  end: FlowEvent | undefined,
  nowMs: number,
): Finding[] {
  const { connection } = pending;
  const { zone } = connection;
  const slot = detector.lost.findByOriginal(zone, connection, nowMs);
  // Another pickup of this connection may have decided in the meantime.
  const alreadyBroken =
    pending.alreadyBroken ||
    (slot !== undefined && detector.lost.read(slot).broken) ||
    detector.broken.findByOriginal(zone, connection, nowMs) !== undefined;
  // One of its packets got through, but the connection is gone: it did not survive.
  if (alreadyBroken && verdict === 'survived') return [];
  if (verdict === 'survived' && slot !== undefined) detector.lost.remove(slot);
  const broken =
    !alreadyBroken && (verdict === 'reset' || verdict === 'stalled') && pending.mapping !== 'same';
  if (broken) {
    if (slot === undefined) detector.broken.addBroken(zone, connection, nowMs);
    else detector.lost.markBroken(slot);
  }
  return [pickupFinding(pending, verdict, broken, end, nowMs)];
}

function entryLost(destroy: FlowEvent, cause: Cause): EntryLost {
  return {
    kind: 'entry_lost',
    connection: { ...destroy.original, zone: destroy.zone },
    translated: isTranslated(destroy),
    cause: cause as EntryLost['cause'],
    atMs: destroy.atMs,
    tcpState: destroy.tcpState,
  };
}

function pickupFinding(
  pending: PendingPickup,
  verdict: Verdict,
  broken: boolean,
  end: FlowEvent | undefined,
  nowMs: number,
): Pickup {
  const { pickup, destroy, connection, lastActivityMs } = pending;
  const idleMs = lastActivityMs === undefined ? undefined : Math.max(0, pickup.atMs - lastActivityMs);
  return {
    kind: 'pickup',
    connection,
    translated: (destroy !== undefined && isTranslated(destroy)) || isTranslated(pickup),
    verdict,
    mapping: pending.mapping,
    sender: pending.sender,
    cause: pending.cause,
    broken,
    oldBackend: destroy && { ip: destroy.reply.src, port: destroy.reply.sport },
    newBackend: newBackendOf(pending),
    lostAtMs: destroy?.atMs,
    pickedUpAtMs: pickup.atMs,
    verdictAfterMs: end ? Math.max(0, end.atMs - pickup.atMs) : nowMs - pending.seenAtMs,
    idleSeconds: idleMs === undefined ? undefined : idleMs / 1000,
    evidence: [destroy, pickup, end].filter((event) => event !== undefined),
  };
}

/** Where the packet went. A server's packet goes to the client, and untranslated ones to no backend. */
function newBackendOf({ pickup, sender }: PendingPickup): Pickup['newBackend'] {
  if (sender === 'server' || !isTranslated(pickup)) return undefined;
  return { ip: pickup.reply.src, port: pickup.reply.sport };
}
