import type { Cause, Finding } from '../model/finding.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import type { KnownFlow } from '../model/known-flow.ts';
import { causeAfterPickup, causeOfUnseenLoss, sameTuple } from './classify.ts';
import type { Detector } from './detector-state.ts';
import { entryLost } from './findings.ts';
import type { LostEntry, LostTable, Slot } from './lost-table.ts';
import type { PendingPickup } from './pending-pickups.ts';

interface FoundLoss {
  readonly entry: LostEntry;
  readonly sender: PendingPickup['sender'];
}

/**
 * What was lost under the tuple of a pickup. What was only suspected until now, the pickup proves: it becomes a loss
 * like any other, and a finding.
 */
export function findLost(
  detector: Detector,
  event: FlowEvent,
  nowMs: number,
  findings: Finding[],
): FoundLoss | undefined {
  const { lost, unconfirmed } = detector;
  const inLost = findInTable(lost, event, nowMs);
  if (inLost) return inLost;
  const suspected = findInTable(unconfirmed, event, nowMs);
  if (suspected?.entry.old) {
    const { old, cause, lastActivityMs } = suspected.entry;
    unconfirmed.remove(suspected.slot);
    findings.push(prove(detector, old, causeAfterPickup(cause, old, event), lastActivityMs, nowMs));
    return suspected;
  }
  const { known } = detector.settings;
  const byClient = known.findByOriginal(event.zone, event.original);
  const flow = byClient ?? known.findByReply(event.zone, event.original);
  if (!flow) return undefined;
  findings.push(...loseUnseen(detector, flow, nowMs));
  const proven = findInTable(lost, event, nowMs);
  return proven && { entry: proven.entry, sender: byClient ? 'client' : 'server' };
}

function findInTable(
  table: LostTable,
  event: FlowEvent,
  nowMs: number,
): (FoundLoss & { slot: Slot }) | undefined {
  if (table.size === 0) return undefined;
  const byClient = table.findByOriginal(event.zone, event.original, nowMs);
  if (byClient !== undefined) return { slot: byClient, entry: table.read(byClient), sender: 'client' };
  const byServer = table.findByReply(event.zone, event.original, nowMs);
  if (byServer !== undefined) return { slot: byServer, entry: table.read(byServer), sender: 'server' };
  return undefined;
}

/** Enters a loss that is certain. */
export function prove(
  detector: Detector,
  old: FlowEvent,
  cause: Cause,
  lastActivityMs: number | undefined,
  nowMs: number,
): Finding {
  detector.lost.add(old, cause, lastActivityMs, nowMs);
  return entryLost(old, cause);
}

/**
 * Takes a loss of which there is proof although no event told: a pickup, or what a snapshot shows. `flow` leaves the
 * known flows. Nothing comes of it if it is known already.
 */
export function loseUnseen(detector: Detector, flow: KnownFlow, nowMs: number): Finding[] {
  const { entry } = flow;
  detector.settings.known.remove(entry.zone, entry.original);
  if (detector.lost.findByOriginal(entry.zone, entry.original, nowMs) !== undefined) return [];
  return [
    prove(detector, entry, causeOfUnseenLoss(flow, detector.timeouts, nowMs), flow.lastActivityMs, nowMs),
  ];
}

/** Whether a snapshot told of this very loss before: the kernel may take its time to remove an expired entry. */
export function wasInferred({ lost }: Detector, destroy: FlowEvent, nowMs: number): boolean {
  const slot = lost.size === 0 ? undefined : lost.findByOriginal(destroy.zone, destroy.original, nowMs);
  const old = slot === undefined ? undefined : lost.read(slot).old;
  return old?.type === 'snapshot' && sameTuple(old.reply, destroy.reply);
}
