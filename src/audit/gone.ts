import type { Slot } from './flow-columns.ts';
import { BLIND, CLIENT_OPEN, msOf } from './flow-columns.ts';
import type { FlowStore } from './flow-store.ts';
import type { SocketMarks } from './socket-marks.ts';

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
 * lost: its client still has the connection open; or its time ran out, and the kernel could not have told us.
 * closed: nobody has it open, or a loss would have been told. maybe: neither can be shown.
 */
export function whatBecameOf(
  store: FlowStore,
  slot: Slot,
  context: GoneContext,
): 'lost' | 'closed' | 'maybe' {
  const { flags, expiresAt, seenAt } = store.columns;
  const flag = flags[slot]!;
  if (flag & CLIENT_OPEN) return 'lost';
  const expired = msOf(expiresAt[slot]!) <= context.nowMs;
  const wouldTell = !(flag & BLIND) && context.eventsLostAtMs < msOf(seenAt[slot]!);
  // The kernel removes an expired entry, and tells, only when something walks over it.
  if (wouldTell) return expired ? 'maybe' : 'closed';
  const clientIsGone = context.sockets?.isLocalClient(slot) ?? false;
  return expired && !clientIsGone ? 'lost' : 'maybe';
}
