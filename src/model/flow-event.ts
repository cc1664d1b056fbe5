import type { Flow } from './flow.ts';

/** TCP states by their number in the kernel, `enum tcp_conntrack`, linux/netfilter/nf_conntrack_tcp.h. */
export const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;
export type TcpState = (typeof TCP_STATES)[number];

/** A program caused the event, and it is not known which: old versions of `conntrack -E` do not say. The kernel gives no such. */
export const PORT_ID_NOT_TOLD = 0xffffffff;

/** One conntrack event or one entry of a dump, decoded. What the kernel did not send is undefined. */
export interface FlowEvent extends Flow {
  /** `snapshot`: no event, but an entry as a dump of the table had it. */
  readonly type: 'new' | 'update' | 'destroy' | 'snapshot';
  /** When it happened: the kernel's own time stamp if it sent one, else when it was read. Epoch milliseconds; NaN in text without. */
  readonly atMs: number;
  /** IP protocol number; 6 is TCP. */
  readonly protocol: number;
  /** Absent in every DESTROY before Linux 5.11. */
  readonly tcpState: TcpState | undefined;
  /** IPS_SEEN_REPLY: packets were seen in both directions. */
  readonly seenReply: boolean;
  /** IPS_ASSURED: the kernel does not drop it early. */
  readonly assured: boolean;
  /** IPS_DST_NAT: netfilter translated the destination. IPVS translates without it. Undefined in text. */
  readonly dstNat: boolean | undefined;
  /** The status word (IPS_* bits, linux/netfilter/nf_conntrack_common.h). Undefined in text. */
  readonly status: number | undefined;
  /** Remaining time. A DESTROY of an expired entry has none. */
  readonly timeoutSeconds: number | undefined;
  /** CTA_ID. The kernel reuses it: never an identity by itself. */
  readonly id: number | undefined;
  /** Netlink port id of the program that caused the event, 0 for the kernel itself. Usually its pid. */
  readonly portId: number;
  /** When the entry was made, with net.netfilter.nf_conntrack_timestamp=1. Epoch milliseconds. */
  readonly startedAtMs?: number | undefined;
}
