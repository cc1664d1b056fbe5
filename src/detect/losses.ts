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
  const { known } = detector.settings;
  const byClient = known.findByOriginal(event.zone, event.original);
  const flow = byClient ?? known.findByReply(event.zone, event.original);
  const inLost = findInTable(lost, event, nowMs);
  if (inLost && !(flow && isLater(flow, inLost.entry))) return inLost;
  if (flow) {
    findings.push(...loseUnseen(detector, flow, nowMs));
    const proven = findInTable(lost, event, nowMs);
    return proven && { entry: proven.entry, sender: byClient ? 'client' : 'server' };
  }
  const suspected = findInTable(unconfirmed, event, nowMs);
  if (!suspected?.entry.old) return undefined;
  const { old, cause, lastActivityMs } = suspected.entry;
  unconfirmed.remove(suspected.slot);
  findings.push(prove(detector, old, causeAfterPickup(cause, old, event), lastActivityMs, nowMs));
  return suspected;
}

/** A part of a dump may be read after the events that came after it. */
const SAME_MOMENT_MS = 5000;

/** Whether the flow is of a connection that was opened after the one of that loss. */
function isLater(flow: KnownFlow, { addedAtMs }: LostEntry): boolean {
  return flow.seenAtMs > addedAtMs + SAME_MOMENT_MS;
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
 * known flows. Nothing comes of it if it is known already. `serverIsOpen`: see causeOfUnseenLoss.
 */
export function loseUnseen(
  detector: Detector,
  flow: KnownFlow,
  nowMs: number,
  serverIsOpen = false,
): Finding[] {
  const { entry } = flow;
  const { zone, original } = entry;
  detector.settings.known.remove(zone, original);
  for (const table of [detector.lost, detector.broken]) {
    const slot = table.findByOriginal(zone, original, nowMs);
    if (slot === undefined) continue;
    if (isLater(flow, table.read(slot))) table.remove(slot);
    else if (table === detector.lost) return [];
  }
  const cause = causeOfUnseenLoss(flow, detector.timeouts, nowMs, serverIsOpen);
  return [prove(detector, entry, cause, flow.lastActivityMs, nowMs)];
}

/** What a snapshot told of this very loss before: the kernel may take its time to remove an expired entry. */
export function inferredLoss({ lost }: Detector, destroy: FlowEvent, nowMs: number): LostEntry | undefined {
  const slot = lost.size === 0 ? undefined : lost.findByOriginal(destroy.zone, destroy.original, nowMs);
  const entry = slot === undefined ? undefined : lost.read(slot);
  const isSame = entry?.old?.type === 'snapshot' && sameTuple(entry.old.reply, destroy.reply);
  return isSame ? entry : undefined;
}
