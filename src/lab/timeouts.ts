/** `nf_conntrack_tcp_timeout_*` of the node, in seconds. What is left out stays at the kernel's default. */
export interface TcpTimeouts {
  readonly synSent?: number;
  readonly synRecv?: number;
  readonly established?: number;
  readonly finWait?: number;
  readonly closeWait?: number;
  readonly lastAck?: number;
  readonly timeWait?: number;
  readonly close?: number;
  readonly maxRetrans?: number;
  readonly unacknowledged?: number;
}

/** `closeWait: 5` becomes `net.netfilter.nf_conntrack_tcp_timeout_close_wait: 5`. */
export function timeoutSysctls(timeouts: TcpTimeouts): Record<string, number> {
  const entries = Object.entries(timeouts) as [string, number][];
  return Object.fromEntries(
    entries.map(([name, seconds]) => [
      `net.netfilter.nf_conntrack_tcp_timeout_${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`,
      seconds,
    ]),
  );
}
