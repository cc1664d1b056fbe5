import { fullTimeout, type TcpTimeouts } from '../lib/tcp-timeouts.ts';
import { IPVS, STATE_MASK } from './flow-columns.ts';

/**
 * IPVS's own timeout of a TCP connection, unless kube-proxy's --ipvs-tcp-timeout sets it, which conntrack does not
 * tell: net/netfilter/ipvs/ip_vs_proto_tcp.c.
 */
export const IPVS_TIMEOUT_SECONDS = 900;

/** How long a flow may be idle, in seconds, by its `flags`; 0 in a state that is not open. */
export function idleLimit(flags: number, timeouts: TcpTimeouts): number {
  const full = fullTimeout(flags & STATE_MASK, timeouts) ?? 0;
  return flags & IPVS ? Math.min(full, IPVS_TIMEOUT_SECONDS) : full;
}
