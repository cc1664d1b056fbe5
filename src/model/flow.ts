/** One direction of a connection: addresses as text (RFC 5952 for IPv6), ports as numbers. */
export interface Tuple {
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
}

/**
 * A conntrack entry's two directions. `original` is what the client sent; `reply` is what the kernel expects
 * back, so `reply.src:reply.sport` is the backend and `reply.dst:reply.dport` the client as the backend sees it.
 */
export interface Flow {
  /** Conntrack zone (CTA_ZONE), 0 unless the CNI uses zones: equal tuples in two zones are two connections. */
  readonly zone: number;
  readonly original: Tuple;
  readonly reply: Tuple;
}
