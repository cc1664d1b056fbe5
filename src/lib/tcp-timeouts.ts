/** The kernel's TCP timeouts in seconds: net.netfilter.nf_conntrack_tcp_timeout_*. */
export interface TcpTimeouts {
  readonly established: number;
  readonly finWait: number;
  readonly closeWait: number;
  readonly lastAck: number;
  readonly timeWait: number;
  readonly close: number;
  /** The smaller of _unacknowledged and _max_retrans: what the kernel shortens to while data is not acknowledged. */
  readonly unacknowledged: number;
}

/** The kernel's own defaults, net/netfilter/nf_conntrack_proto_tcp.c. */
export const DEFAULT_TIMEOUTS: TcpTimeouts = {
  established: 432000,
  finWait: 120,
  closeWait: 60,
  lastAck: 30,
  timeWait: 120,
  close: 10,
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
    timeWait: of('time_wait', DEFAULT_TIMEOUTS.timeWait),
    close: of('close', DEFAULT_TIMEOUTS.close),
    unacknowledged: Math.min(
      of('unacknowledged', DEFAULT_TIMEOUTS.unacknowledged),
      of('max_retrans', DEFAULT_TIMEOUTS.unacknowledged),
    ),
  };
}

/** The whole timeout of an open state by its number in `enum tcp_conntrack`; undefined for the other states. */
export function fullTimeout(tcpState: number, timeouts: TcpTimeouts): number | undefined {
  switch (tcpState) {
    case 3:
      return timeouts.established;
    case 4:
      return timeouts.finWait;
    case 5:
      return timeouts.closeWait;
    case 6:
      return timeouts.lastAck;
    default:
      return undefined;
  }
}

/** The whole timeout of a state in which both ends are done, likewise. */
export function closedTimeout(tcpState: number, timeouts: TcpTimeouts): number | undefined {
  if (tcpState === 7) return timeouts.timeWait;
  return tcpState === 8 ? timeouts.close : undefined;
}

/**
 * Seconds without a packet, from the seconds an entry has left of its whole timeout: each packet sets the timer anew,
 * so what is used up of it is the idle time. Undefined where that does not follow: the remaining time is so short that
 * unacknowledged data may have shortened the timer (nf_conntrack_tcp_packet), in which case the connection was not
 * idle at all; or it is longer than the whole, because the sysctl was changed.
 */
export function idleSeconds(full: number, remaining: number, unacknowledged: number): number | undefined {
  // One second more, as times wobble by one.
  const mayBeShortened = full > unacknowledged && remaining <= unacknowledged + 1;
  if (mayBeShortened || remaining > full + 1) return undefined;
  return Math.max(0, full - remaining);
}
