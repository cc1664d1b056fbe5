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

/**
 * When the last packet of a lost entry passed, epoch milliseconds: each packet sets the timer anew, so what is
 * used up of it is the idle time. Undefined where that does not follow: the state is not known, or the remaining
 * time is so short that unacknowledged data may have shortened the timer (nf_conntrack_tcp_packet), in which case
 * the connection was not idle at all.
 */
export function lastActivity(destroy: FlowEvent, timeouts: TcpTimeouts): number | undefined {
  const full = fullTimeout(destroy, timeouts);
  if (full === undefined) return undefined;
  const remaining = destroy.timeoutSeconds ?? 0;
  const mayBeShortened = full > timeouts.unacknowledged && remaining <= timeouts.unacknowledged;
  if (mayBeShortened || remaining > full) return undefined;
  return destroy.atMs - (full - remaining) * 1000;
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
