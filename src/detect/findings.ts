import type { Cause, EntryLost, Pickup, Verdict } from '../model/finding.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import { isTranslated } from './classify.ts';
import type { PendingPickup } from './pending-pickups.ts';

/** `old`: the entry's DESTROY, or the entry as a snapshot had it. */
export function entryLost(old: FlowEvent, cause: Cause): EntryLost {
  return {
    kind: 'entry_lost',
    connection: { ...old.original, zone: old.zone },
    translated: isTranslated(old),
    cause,
    atMs: old.atMs,
    tcpState: old.tcpState,
  };
}

export function pickupFinding(
  pending: PendingPickup,
  verdict: Verdict,
  broken: boolean,
  end: FlowEvent | undefined,
  nowMs: number,
): Pickup {
  const { pickup, old, connection, lastActivityMs } = pending;
  const idleMs = lastActivityMs === undefined ? undefined : Math.max(0, pickup.atMs - lastActivityMs);
  return {
    kind: 'pickup',
    connection,
    translated: (old !== undefined && isTranslated(old)) || isTranslated(pickup),
    verdict,
    mapping: pending.mapping,
    sender: pending.sender,
    cause: pending.cause,
    broken,
    oldBackend: old && { ip: old.reply.src, port: old.reply.sport },
    newBackend: newBackendOf(pending),
    lostAtMs: old?.type === 'destroy' ? old.atMs : undefined,
    pickedUpAtMs: pickup.atMs,
    verdictAfterMs: end ? Math.max(0, end.atMs - pickup.atMs) : nowMs - pending.seenAtMs,
    idleSeconds: idleMs === undefined || Number.isNaN(idleMs) ? undefined : idleMs / 1000,
    evidence: [old, pickup, end].filter((event) => event !== undefined),
  };
}

/** Where the packet went. A server's packet goes to the client, and untranslated ones to no backend. */
function newBackendOf({ pickup, sender }: PendingPickup): Pickup['newBackend'] {
  if (sender === 'server' || !isTranslated(pickup)) return undefined;
  return { ip: pickup.reply.src, port: pickup.reply.sport };
}
