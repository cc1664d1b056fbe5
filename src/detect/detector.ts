import { IPPROTO_TCP } from '../lib/ctnetlink.ts';
import { DEFAULT_TIMEOUTS } from '../lib/tcp-timeouts.ts';
import type { Finding, Verdict } from '../model/finding.ts';
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
import type { Detector } from './detector-state.ts';
import { pickupFinding } from './findings.ts';
import { lastActivity, lastActivityOf } from './last-activity.ts';
import { findLost, inferredLoss, prove } from './losses.ts';
import type { PendingPickup } from './pending-pickups.ts';

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

/**
 * How long to wait before the kernel is asked again, by how often it was. Together a little less than the 300 s after
 * which an unanswered entry goes by itself, which is an event.
 */
const ASK_AGAIN_MS = [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000];

/** Takes one event. Events must come in the kernel's order. */
export function step(detector: Detector, event: FlowEvent, nowMs: number): Finding[] {
  if (event.protocol !== IPPROTO_TCP) return [];
  if (isPickup(event)) return onPickup(detector, event, nowMs);
  if (event.type === 'destroy') return onDestroy(detector, event, nowMs);
  if (event.type === 'update') return onUpdate(detector, event, nowMs);
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

/**
 * Takes that a pickup fell due and no UPDATE has told of a reply, where every event is seen and nobody can be asked: in
 * a recording. Another backend, or another source port, would have answered a bare acknowledgement with a reset; only
 * the old backend keeps silent. So what may have reached that is watched on, until its entry must have gone had not
 * more packets come.
 */
export function unanswered(detector: Detector, pending: PendingPickup, nowMs: number): Finding[] {
  if (!detector.pending.has(pending)) return [];
  const mayBeOldBackend = pending.mapping === 'same' || pending.mapping === 'unknown';
  if (!mayBeOldBackend || outlived(pending, nowMs)) {
    return decide(detector, pending, 'stalled', undefined, nowMs);
  }
  detector.pending.postpone(pending, pending.seenAtMs + lifeOfOnePacketMs(pending));
  return [];
}

/** The kernel removes an expired entry when something walks over it, which may take a minute or two. */
const EXPIRY_LATE_MS = 180_000;

/** How long an entry is there at most that one packet made and no other came for. */
function lifeOfOnePacketMs({ pickup }: PendingPickup): number {
  return (pickup.timeoutSeconds ?? DEFAULT_TIMEOUTS.unacknowledged) * 1000 + EXPIRY_LATE_MS;
}

function outlived(pending: PendingPickup, nowMs: number): boolean {
  return nowMs - pending.seenAtMs >= lifeOfOnePacketMs(pending);
}

/** Ends the watching: what is still pending has this verdict. */
export function abandon(detector: Detector, nowMs: number, verdict: Verdict = 'unknown'): Finding[] {
  return [...detector.pending.values()].flatMap((pending) =>
    decide(detector, pending, verdict, undefined, nowMs),
  );
}

function onPickup(detector: Detector, event: FlowEvent, nowMs: number): Finding[] {
  const findings: Finding[] = [];
  const found = findLost(detector, event, nowMs, findings);
  const { dst, dport } = event.original;
  if (!found && !isTranslated(event) && !detector.settings.isServiceAddress(dst, dport)) return [];
  const lost = found?.entry;
  const cause = lost?.old ? causeAfterPickup(lost.cause, lost.old, event) : 'unseen';
  if (cause === 'ipvs' && found?.sender === 'client') detector.ipvs.learn(event);
  const pending: PendingPickup = {
    pickup: event,
    connection: { ...(lost?.original ?? event.original), zone: event.zone },
    sender: found?.sender ?? 'client',
    mapping: compareMapping(lost?.old, event),
    cause,
    old: lost?.old,
    lastActivityMs: lost?.lastActivityMs,
    alreadyBroken: lost?.broken ?? false,
    seenAtMs: nowMs,
    dueAtMs: nowMs + detector.settings.confirmWindowMs,
    fruitless: 0,
    absent: 0,
  };
  for (const displaced of detector.pending.add(pending)) {
    findings.push(...conclude(detector, displaced, 'unknown', undefined, nowMs));
  }
  return findings;
}

function onDestroy(detector: Detector, event: FlowEvent, nowMs: number): Finding[] {
  const pending = detector.pending.get(event.zone, event.original);
  const findings = pending
    ? decide(detector, pending, verdictOf(detector, pending, event, nowMs), event, nowMs)
    : [];
  if (!isTranslated(event)) return findings;
  const took = tookOpenConnection(event);
  if (took === 'no') return findings;
  const { known } = detector.settings;
  const { zone, original } = event;
  const inferred = inferredLoss(detector, event, nowMs);
  const flow = known.findByOriginal(zone, original);
  const cause = detector.ipvs.causeOf(event, causeOfLoss(event, flow));
  // What a snapshot told is exact where the timer ran on since; the DESTROY of an expired entry may be minutes late.
  const activity =
    inferred?.lastActivityMs ?? lastActivityOf(flow, event) ?? lastActivity(event, detector.timeouts);
  // The entry was in use: whatever was known of this tuple before belongs to an earlier connection.
  known.remove(zone, original);
  for (const table of [detector.lost, detector.unconfirmed, detector.broken]) {
    table.forget(zone, original, nowMs);
  }
  if (took === 'maybe') {
    detector.unconfirmed.add(event, cause, activity, nowMs);
    return findings;
  }
  const loss = prove(detector, event, cause, activity, nowMs);
  if (!inferred) findings.push(loss);
  return findings;
}

/** UPDATE tells of a reply before anybody is asked. The agent does not listen to them, so as not to cost anything. */
function onUpdate(detector: Detector, event: FlowEvent, nowMs: number): Finding[] {
  if (!event.seenReply) return [];
  const pending = detector.pending.get(event.zone, event.original);
  if (!pending || !mayBeSameEntry(pending.pickup, event)) return [];
  return decide(detector, pending, 'survived', event, nowMs);
}

/** An id may be left out, and may be used again; two different ones are two entries. */
function mayBeSameEntry({ id }: FlowEvent, other: FlowEvent): boolean {
  return id === undefined || other.id === undefined || id === other.id;
}

/** What the DESTROY of a picked-up entry says about it. */
function verdictOf(detector: Detector, pending: PendingPickup, destroy: FlowEvent, nowMs: number): Verdict {
  if (destroy.seenReply) return 'survived';
  if (destroy.tcpState === 'CLOSE') return 'reset';
  if (destroy.portId === 0 && destroy.timeoutSeconds === undefined && outlived(pending, nowMs)) {
    return 'stalled';
  }
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
