import { TupleIndex } from '../lib/tuple-index.ts';
import type { FlowRow } from '../model/flow-row.ts';
import { AddressPool } from './address-pool.ts';

export type Slot = number;

/** Bits of `flags` beside the TCP state in the lowest four. */
export const STATE_MASK = 0xf;
export const ALIVE = 0x10;
export const V6 = 0x20;
/** Made while nobody listened: the kernel sends no event for it, ever. */
export const BLIND = 0x40;
/** In no complete snapshot since; remembered in case its connection goes on. */
export const GONE = 0x80;
/** Translated without the status bit DST_NAT: by IPVS. */
export const IPVS = 0x100;
/** What was found of the client's socket; none of the three: nothing. */
export const CLIENT_SEEN = 0x200;
export const CLIENT_KEEPALIVE = 0x400;
/** Its timer was in use for sending, so whether it has a keepalive timer could not be seen. */
export const CLIENT_BUSY = 0x800;
/** The server's socket is on this node as well, and its keepalive probes come in time. */
export const SERVER_KEEPALIVE = 0x1000;
/** ESTABLISHED or CLOSE_WAIT: the client's program can still use the connection. */
export const CLIENT_OPEN = 0x2000;
/** Of those, ESTABLISHED: no FIN of the server has come. */
export const CLIENT_ESTABLISHED = 0x4000;
/** Due to be renewed, and left to expire: counted once. */
export const RENEWAL_SKIPPED = 0x8000;
export const SOCKET_BITS =
  CLIENT_SEEN | CLIENT_KEEPALIVE | CLIENT_BUSY | SERVER_KEEPALIVE | CLIENT_OPEN | CLIENT_ESTABLISHED;

/**
 * The columns of the flow store: 58 bytes a flow with the links of the two indexes, and 3 to 5 for their buckets. They
 * are allocated for the whole capacity at once; the system backs only the pages that are written.
 *
 * Times are ticks of 100 ms, see `tickOf`.
 */
export class FlowColumns {
  readonly capacity: number;
  readonly addresses: AddressPool;
  /**
   * Source and destination of the original and of the reply tuple. IPv4 addresses as they are, IPv6 ones by their
   * number in `addresses`.
   */
  readonly ips: Uint32Array;
  readonly ports: Uint16Array;
  readonly zones: Uint16Array;
  readonly flags: Uint16Array;
  /** Of a free slot: the next free one + 1. */
  readonly seenAt: Uint32Array;
  readonly expiresAt: Uint32Array;
  /** 0: not known. */
  readonly lastActivity: Uint32Array;
  /** When the client's keepalive timer fires. Of a remembered flow: its place in the queue of those. */
  readonly probeAt: Uint32Array;
  /** The longest time the client's keepalive timer was ever seen set to, in seconds: TCP_KEEPIDLE is at least that. */
  readonly keepIdle: Uint16Array;
  /** The same of the server's. */
  readonly serverKeepIdle: Uint16Array;
  /** Minutes since the store was made. */
  readonly firstSeen: Uint16Array;
  readonly byOriginal: TupleIndex;
  readonly byReply: TupleIndex;

  constructor(capacity: number, addresses = new AddressPool()) {
    this.capacity = capacity;
    this.addresses = addresses;
    this.ips = new Uint32Array(capacity * 4);
    this.ports = new Uint16Array(capacity * 4);
    this.zones = new Uint16Array(capacity);
    this.flags = new Uint16Array(capacity);
    this.seenAt = new Uint32Array(capacity);
    this.expiresAt = new Uint32Array(capacity);
    this.lastActivity = new Uint32Array(capacity);
    this.probeAt = new Uint32Array(capacity);
    this.keepIdle = new Uint16Array(capacity);
    this.serverKeepIdle = new Uint16Array(capacity);
    this.firstSeen = new Uint16Array(capacity);
    this.byOriginal = new TupleIndex(capacity, this.ips, this.ports, this.zones, 0, true);
    this.byReply = new TupleIndex(capacity, this.ips, this.ports, this.zones, 2, true);
  }

  /** Makes a flow of a free slot, known by both of its tuples. `flags` without V6; `minute`: see firstSeen. */
  fill(slot: Slot, row: FlowRow, flags: number, minute: number): void {
    const i = slot * 4;
    for (let k = 0; k < 4; k++) {
      this.ips[i + k] = row.v6 ? this.addresses.take(row.words, k * 4) : row.words[k * 4]!;
    }
    this.ports[i] = row.sport;
    this.ports[i + 1] = row.dport;
    this.ports[i + 2] = row.replySport;
    this.ports[i + 3] = row.replyDport;
    this.zones[slot] = row.zone;
    this.flags[slot] = flags | (row.v6 ? V6 : 0);
    this.lastActivity[slot] = 0;
    this.expiresAt[slot] = 0;
    this.probeAt[slot] = 0;
    this.keepIdle[slot] = 0;
    this.serverKeepIdle[slot] = 0;
    this.firstSeen[slot] = Math.min(0xffff, minute);
    this.byOriginal.add(slot);
    this.byReply.add(slot);
  }

  /** Takes a flow out of its slot. */
  clear(slot: Slot): void {
    this.byOriginal.remove(slot);
    this.byReply.remove(slot);
    const isV6 = this.flags[slot]! & V6;
    if (isV6) for (let i = slot * 4; i < slot * 4 + 4; i++) this.addresses.release(this.ips[i]!);
    this.flags[slot] = 0;
  }

  /** A copy with more room. */
  enlarged(capacity: number, slots: number): FlowColumns {
    const copy = new FlowColumns(capacity, this.addresses);
    copy.ips.set(this.ips.subarray(0, slots * 4));
    copy.ports.set(this.ports.subarray(0, slots * 4));
    copy.zones.set(this.zones.subarray(0, slots));
    copy.flags.set(this.flags.subarray(0, slots));
    copy.seenAt.set(this.seenAt.subarray(0, slots));
    copy.expiresAt.set(this.expiresAt.subarray(0, slots));
    copy.lastActivity.set(this.lastActivity.subarray(0, slots));
    copy.probeAt.set(this.probeAt.subarray(0, slots));
    copy.keepIdle.set(this.keepIdle.subarray(0, slots));
    copy.serverKeepIdle.set(this.serverKeepIdle.subarray(0, slots));
    copy.firstSeen.set(this.firstSeen.subarray(0, slots));
    for (let slot = 0; slot < slots; slot++) {
      if (!(copy.flags[slot]! & ALIVE)) continue;
      copy.byOriginal.add(slot);
      copy.byReply.add(slot);
    }
    return copy;
  }
}

/** Three years, so that a time before the process began is still positive; 0 is left for "not known". */
const BIAS = 1_000_000_000;
const LATEST = 0xffff_ffff;

/** Monotonic milliseconds as ticks of 100 ms: four bytes for 13 years. */
export function tickOf(ms: number): number {
  return Math.max(1, Math.min(LATEST, Math.round(ms / 100) + BIAS));
}

export function msOf(tick: number): number {
  return (tick - BIAS) * 100;
}
