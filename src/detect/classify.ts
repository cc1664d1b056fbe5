import type { TcpTimeouts } from '../lib/tcp-timeouts.ts';
import type { Cause, Mapping } from '../model/finding.ts';
import type { Flow, Tuple } from '../model/flow.ts';
import type { FlowEvent } from '../model/flow-event.ts';
import type { KnownFlow } from '../model/known-flow.ts';

/** Times come in whole seconds. */
const SLACK_MS = 1000;

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
 * translates without the DST_NAT bit, and removes its conntrack entry when it forgets the connection. `flow`: what
 * snapshots knew of it, for kernels whose DESTROY says nothing (before 5.11).
 */
export function causeOfLoss(destroy: FlowEvent, flow?: KnownFlow): Exclude<Cause, 'unseen'> {
  if (destroy.portId !== 0) return 'deleted';
  if (destroy.tcpState === undefined) return flow && hadRunOut(flow, destroy) ? 'timeout' : 'unknown';
  if (destroy.timeoutSeconds === undefined) return 'timeout';
  return destroy.dstNat === false && isTranslated(destroy) ? 'ipvs' : 'kernel';
}

/** Whether what a snapshot saw was left is over. */
function hadRunOut({ entry }: KnownFlow, destroy: FlowEvent): boolean {
  return destroy.atMs - entry.atMs >= (entry.timeoutSeconds ?? 0) * 1000 - SLACK_MS;
}

/** An expired entry is often removed by the very packet that then makes the new one. */
const EXPIRED_UNDER_A_PACKET_MS = 50;

/** The cause again, now that the pickup is known: it can tell what the old entry alone did not. */
export function causeAfterPickup(cause: Cause, old: FlowEvent, pickup: FlowEvent): Cause {
  if (cause !== 'kernel' && cause !== 'unknown') return cause;
  if (isTranslated(old) && !isTranslated(pickup) && sameTuple(old.original, pickup.original)) {
    return 'ipvs';
  }
  const gapMs = pickup.atMs - old.atMs;
  return cause === 'unknown' && gapMs >= 0 && gapMs <= EXPIRED_UNDER_A_PACKET_MS ? 'timeout' : cause;
}

/** The longest interval of snapshots: what was last seen before that may have been used since. */
const STALE_MS = 3_600_000;

/**
 * Why an entry went of which no event told, from the time it had left when it was last seen. It went between then and
 * the snapshot that missed it, or now. `serverIsOpen`: since then no FIN of the server has come.
 */
export function causeOfUnseenLoss(
  flow: KnownFlow,
  timeouts: TcpTimeouts,
  nowMs: number,
  serverIsOpen = false,
): Cause {
  const { entry, seenAtMs } = flow;
  const elapsedMs = (flow.goneAtMs ?? nowMs) - seenAtMs;
  const remainingMs = (entry.timeoutSeconds ?? 0) * 1000;
  if (elapsedMs >= remainingMs - SLACK_MS) return elapsedMs > STALE_MS ? 'unseen' : 'timeout';
  if (entry.dstNat === false && isTranslated(entry)) return 'ipvs';
  // Sooner than that no timer can have run out, not even one that unacknowledged data or a FIN made shorter.
  const afterFin = serverIsOpen ? Number.POSITIVE_INFINITY : Math.min(timeouts.closeWait, timeouts.finWait);
  const soonestMs = Math.min(remainingMs, timeouts.unacknowledged * 1000, afterFin * 1000);
  return elapsedMs < soonestMs - SLACK_MS ? 'deleted' : 'unseen';
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
