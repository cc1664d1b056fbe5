/**
 * Why the entry of an open connection through a Service is left to expire:
 * service_unknown: nobody knows who its backends are; ipvs: translated by IPVS, which forgets the connection by a timer of
 * its own; backend_gone: the Service has no such endpoint any more; client_gone: no program on this node has the connection
 * open; client_unseen: its client's socket is not to be seen from this node; half_closed: one end has closed it; max_idle:
 * idle for longer than is wanted; limit: more were about to expire than are renewed in one round.
 */
export const SKIP_REASONS = [
  'service_unknown',
  'ipvs',
  'backend_gone',
  'client_gone',
  'client_unseen',
  'half_closed',
  'max_idle',
  'limit',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/**
 * How the renewal of an entry ended. changed: it was used, closed or replaced since the table was read, and was left
 * alone; gone: there was none any more; failed: the kernel refused, or did not answer.
 */
export const RENEWAL_RESULTS = ['renewed', 'changed', 'gone', 'failed'] as const;
export type RenewalResult = (typeof RENEWAL_RESULTS)[number];

/** What names one entry of the table to the kernel: its reply tuple and its zone, as the kernel sent them. */
export interface EntryIdentity {
  /** AF_INET or AF_INET6. */
  readonly family: number;
  /** CTA_TUPLE_REPLY and, if the entry has one, CTA_ZONE. */
  readonly attributes: Uint8Array;
}

/** An entry to ask for: the original tuple and the zone, as numbers like those of FlowRow. */
export interface EntryKey {
  v6: boolean;
  /** Source and destination, four words each. */
  readonly words: Uint32Array;
  sport: number;
  dport: number;
  zone: number;
}
