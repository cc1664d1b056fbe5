import type { Slot } from './flow-columns.ts';
import { BLIND, CLIENT_OPEN, msOf, STATE_MASK } from './flow-columns.ts';
import type { FlowStore } from './flow-store.ts';
import type { SocketMarks } from './socket-marks.ts';

const ESTABLISHED = 3;
/** Times in the store are rounded. */
const TICK_MS = 100;

export interface GoneContext {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** When events were last known to be lost. */
  readonly eventsLostAtMs: number;
  /** Undefined when the sockets were not looked at. */
  readonly sockets: SocketMarks | undefined;
}

/**
 * What became of a flow that a complete dump does not have any more, and of whose end no event told: the filter keeps
 * back the events of ordinary closing, so there is none for most.
 *
 * lost: its client still has the connection open; or it was established and its time ran out. To be confirmed by
 * asking for the entry: a new connection may have the same tuple by now. closed: a loss would have been told. maybe:
 * neither can be shown.
 */
export function whatBecameOf(
  store: FlowStore,
  slot: Slot,
  context: GoneContext,
): 'lost' | 'closed' | 'maybe' {
  const { flags, expiresAt, seenAt } = store.columns;
  const flag = flags[slot]!;
  const expired = msOf(expiresAt[slot]!) <= context.nowMs;
  const wouldTell = !(flag & BLIND) && context.eventsLostAtMs < msOf(seenAt[slot]!) - TICK_MS;
  // The kernel removes an expired entry, and tells, only when something walks over it.
  if (wouldTell) return expired ? 'maybe' : 'closed';
  if (flag & CLIENT_OPEN) return 'lost';
  // In the other states it was closing, and most likely did.
  if (!expired || (flag & STATE_MASK) !== ESTABLISHED) return 'maybe';
  return context.sockets?.isLocalClient(slot) ? 'maybe' : 'lost';
}
