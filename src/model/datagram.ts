/** What one recvmsg on a netlink socket returned: one or more netlink messages, and when they were read. */
export interface Datagram {
  readonly bytes: Uint8Array;
  /** Wall clock at reading, in milliseconds since the epoch, with a fraction. */
  readonly receivedAtMs: number;
}
