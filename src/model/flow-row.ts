/**
 * One TCP entry of a dump, as numbers: a snapshot reads a quarter of a million, so nothing is made for each. The
 * reader overwrites it with the next one; whoever needs it longer copies it.
 */
export interface FlowRow {
  readonly v6: boolean;
  /**
   * Four addresses of four words each, most significant first: original source, original destination, reply source,
   * reply destination. IPv4 has its address in the first word of each; the others are left as they were.
   */
  readonly words: Uint32Array;
  readonly sport: number;
  readonly dport: number;
  readonly replySport: number;
  readonly replyDport: number;
  readonly zone: number;
  /** IPS_* bits. */
  readonly status: number;
  /** Index into TCP_STATES. */
  readonly tcpState: number;
  /** Remaining time in seconds. */
  readonly timeoutSeconds: number;
}
