import type { FlowEvent } from '../model/flow-event.ts';

/** The kernel's TCP timeouts in seconds: net.netfilter.nf_conntrack_tcp_timeout_*. */
export interface TcpTimeouts {
  readonly established: number;
  readonly finWait: number;
  readonly closeWait: number;
  readonly lastAck: number;
  /** The smaller of _unacknowledged and _max_retrans: what the kernel shortens to while data is not acknowledged. */
  readonly unacknowledged: number;
}

/** The kernel's own defaults, net/netfilter/nf_conntrack_proto_tcp.c. */
export const DEFAULT_TIMEOUTS: TcpTimeouts = {
  established: 432000,
  finWait: 120,
  closeWait: 60,
  lastAck: 30,
  unacknowledged: 300,
};

/** From sysctls by the last part of their name; what is missing has the kernel's default. */
export function timeoutsFrom(settings: ReadonlyMap<string, number>): TcpTimeouts {
  const of = (name: string, missing: number) => settings.get(`nf_conntrack_tcp_timeout_${name}`) ?? missing;
  return {
    established: of('established', DEFAULT_TIMEOUTS.established),
    finWait: of('fin_wait', DEFAULT_TIMEOUTS.finWait),
    closeWait: of('close_wait', DEFAULT_TIMEOUTS.closeWait),
    lastAck: of('last_ack', DEFAULT_TIMEOUTS.lastAck),
    unacknowledged: Math.min(
      of('unacknowledged', DEFAULT_TIMEOUTS.unacknowledged),
      of('max_retrans', DEFAULT_TIMEOUTS.unacknowledged),
    ),
  };
}

/**
 * When the last packet of a lost entry passed, epoch milliseconds: each packet sets the timer anew, so what is
 * used up of it is the idle time. Undefined where that does not follow: the state is not known, or the remaining
 * time is so short that unacknowledged data may have shortened the timer (nf_conntrack_tcp_packet), in which case
 * the connection was not idle at all.
 */
export function lastActivity(destroy: FlowEvent, timeouts: TcpTimeouts): number | undefined {
  const full = fullTimeout(destroy, timeouts);
  if (full === undefined) return undefined;
  // Whole seconds are sent, cut off, so half a second more is the best estimate. None at all is exactly zero.
  const remaining = destroy.timeoutSeconds === undefined ? 0 : destroy.timeoutSeconds + 0.5;
  // One second more, as times wobble by one.
  const mayBeShortened = full > timeouts.unacknowledged && remaining <= timeouts.unacknowledged + 1;
  if (mayBeShortened || remaining > full + 1) return undefined;
  return destroy.atMs - Math.max(0, full - remaining) * 1000;
}

function fullTimeout(destroy: FlowEvent, timeouts: TcpTimeouts): number | undefined {
  switch (destroy.tcpState) {
    case 'ESTABLISHED':
      return timeouts.established;
    case 'FIN_WAIT':
      return timeouts.finWait;
    case 'CLOSE_WAIT':
      return timeouts.closeWait;
    case 'LAST_ACK':
      return timeouts.lastAck;
    default:
      return undefined;
  }
}
