/** One TCP socket of /proc/net/tcp or tcp6, as numbers. The reader overwrites it with the next one. */
export interface TcpSocket {
  /** False also for an IPv4 connection of an IPv6 socket (`::ffff:a.b.c.d`). */
  readonly v6: boolean;
  /** Local address, remote address: four words each, most significant first; IPv4 in the first word of each. */
  readonly words: Uint32Array;
  readonly localPort: number;
  readonly remotePort: number;
  /** enum of include/net/tcp_states.h: 1 ESTABLISHED, 4 FIN_WAIT1, 5 FIN_WAIT2, 8 CLOSE_WAIT, 10 LISTEN. */
  readonly state: number;
  /** Column `tr`: 0 none, 1 retransmission, 2 keepalive (or another timer of the socket), 3 TIME_WAIT, 4 zero window. */
  readonly timer: number;
  /** Column `tm->when`: until the timer fires, in 1/100 s. */
  readonly timerHundredths: number;
}
