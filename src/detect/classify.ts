import type { Cause, Mapping } from '../model/finding.ts';
import type { Flow, Tuple } from '../model/flow.ts';
import type { FlowEvent } from '../model/flow-event.ts';

const OPEN_STATES: ReadonlySet<FlowEvent['tcpState']> = new Set([
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
]);

/** A packet in the middle of a connection made this entry. One that a program inserted carries its port id. */
export function isPickup(event: FlowEvent): boolean {
  return event.type === 'new' && event.tcpState === 'ESTABLISHED' && !event.seenReply && event.portId === 0;
}

/**
 * Whether a DESTROY took the entry of an open connection. `maybe`: it does not say its state (Linux before
 * 5.11), so it may as well be the end of a connection that closed in order.
 */
export function tookOpenConnection(destroy: FlowEvent): 'yes' | 'maybe' | 'no' {
  if (!destroy.seenReply) return 'no';
  if (destroy.tcpState !== undefined) return OPEN_STATES.has(destroy.tcpState) ? 'yes' : 'no';
  return destroy.portId !== 0 && destroy.assured ? 'yes' : 'maybe';
}

/**
 * Why the entry went away. A zero timeout is left out of the message, so a missing one means it ran out. IPVS
 * translates without the DST_NAT bit, and removes its conntrack entry when it forgets the connection.
 */
export function causeOfLoss(destroy: FlowEvent): Exclude<Cause, 'unseen'> {
  if (destroy.portId !== 0) return 'deleted';
  if (destroy.tcpState === undefined) return 'unknown';
  if (destroy.timeoutSeconds === undefined) return 'timeout';
  return destroy.dstNat === false && isTranslated(destroy) ? 'ipvs' : 'kernel';
}

/** An expired entry is often removed by the very packet that then makes the new one. */
const EXPIRED_UNDER_A_PACKET_MS = 50;

/** The cause again, now that the pickup is known: it can tell what the DESTROY alone did not. */
export function causeAfterPickup(cause: Cause, destroy: FlowEvent, pickup: FlowEvent): Cause {
  if (cause !== 'kernel' && cause !== 'unknown') return cause;
  if (isTranslated(destroy) && !isTranslated(pickup) && sameTuple(destroy.original, pickup.original)) {
    return 'ipvs';
  }
  const gapMs = pickup.atMs - destroy.atMs;
  return cause === 'unknown' && gapMs >= 0 && gapMs <= EXPIRED_UNDER_A_PACKET_MS ? 'timeout' : cause;
}

/** The destination was translated. Told by the tuples: IPVS does not set the status bit. */
export function isTranslated(flow: Flow): boolean {
  return flow.reply.src !== flow.original.dst || flow.reply.sport !== flow.original.dport;
}

/** The new entry's reply tuple against the old one's. */
export function compareMapping(old: Flow | undefined, pickup: Flow): Mapping {
  if (!isTranslated(pickup)) return 'none';
  if (!old) return 'unknown';
  if (old.reply.src !== pickup.reply.src || old.reply.sport !== pickup.reply.sport) return 'backend_changed';
  if (old.reply.dst !== pickup.reply.dst || old.reply.dport !== pickup.reply.dport) return 'source_changed';
  return 'same';
}

export function sameTuple(a: Tuple, b: Tuple): boolean {
  return a.src === b.src && a.dst === b.dst && a.sport === b.sport && a.dport === b.dport;
}
