import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY } from '../lib/ctnetlink.ts';
import { StringPool } from '../lib/string-pool.ts';
import { TupleIndex } from '../lib/tuple-index.ts';
import type { Cause } from '../model/finding.ts';
import type { Tuple } from '../model/flow.ts';
import { type FlowEvent, TCP_STATES } from '../model/flow-event.ts';

/** What is remembered of a connection whose entry is gone. */
export interface LostEntry {
  /**
   * The entry: its DESTROY as it was decoded, or if no event told of the loss the entry as a snapshot had it.
   * Undefined when nothing was known of it and only the break is remembered.
   */
  readonly old: FlowEvent | undefined;
  readonly zone: number;
  readonly original: Tuple;
  readonly cause: Cause;
  /** Last packet before the loss, epoch milliseconds, if the remaining time told it. */
  readonly lastActivityMs: number | undefined;
  /** When it was entered, monotonic milliseconds. */
  readonly addedAtMs: number;
  /** It has already been reported as a broken connection. */
  readonly broken: boolean;
}

export type Slot = number;

const CAUSE_NUMBERS: readonly Cause[] = ['timeout', 'deleted', 'ipvs', 'kernel', 'unseen', 'unknown'];
const NO_NUMBER = 0xffffffff;
const ALIVE = 1;
const BROKEN = 2;
const OLD_KNOWN = 4;
const FROM_SNAPSHOT = 8;

/**
 * Lost entries, found by their original tuple (the client spoke) or their reply tuple (the server spoke). Kept
 * in typed arrays: a flush can put a hundred thousand here in a moment, and as objects they would be half of the
 * agent's memory. Full means the oldest goes, and is counted; so does an entry past its time to live.
 *
 * Columns are allocated for the whole capacity at once; the system backs only the pages that are written.
 */
export class LostTable {
  readonly capacity: number;
  readonly #ttlMs: number;
  readonly #addresses = new StringPool();
  /** Four numbers in #addresses a slot: source and destination of the original and of the reply tuple. */
  readonly #ips: Uint32Array;
  readonly #ports: Uint16Array;
  readonly #zone: Uint16Array;
  readonly #flags: Uint8Array;
  readonly #cause: Uint8Array;
  readonly #tcpState: Uint8Array;
  readonly #status: Uint32Array;
  readonly #timeout: Uint32Array;
  readonly #portId: Uint32Array;
  readonly #id: Uint32Array;
  readonly #lostAt: Float64Array;
  readonly #lastActivity: Float64Array;
  readonly #addedAt: Float64Array;
  readonly #byOriginal: TupleIndex;
  readonly #byReply: TupleIndex;
  /** Entries from the oldest to the newest, linked: slot + 1, 0 is none. */
  readonly #newer: Uint32Array;
  readonly #older: Uint32Array;
  #oldest = 0;
  #newest = 0;
  /** Slots below were used before; free ones are linked through #newer, so the same memory is used again. */
  #neverUsed = 0;
  #free = 0;
  #size = 0;
  #evictions = 0;

  constructor(capacity: number, ttlMs: number) {
    this.capacity = capacity;
    this.#ttlMs = ttlMs;
    this.#ips = new Uint32Array(capacity * 4);
    this.#ports = new Uint16Array(capacity * 4);
    this.#zone = new Uint16Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#cause = new Uint8Array(capacity);
    this.#tcpState = new Uint8Array(capacity);
    this.#status = new Uint32Array(capacity);
    this.#timeout = new Uint32Array(capacity);
    this.#portId = new Uint32Array(capacity);
    this.#id = new Uint32Array(capacity);
    this.#lostAt = new Float64Array(capacity);
    this.#lastActivity = new Float64Array(capacity);
    this.#addedAt = new Float64Array(capacity);
    this.#newer = new Uint32Array(capacity);
    this.#older = new Uint32Array(capacity);
    this.#byOriginal = new TupleIndex(capacity, this.#ips, this.#ports, this.#zone, 0);
    this.#byReply = new TupleIndex(capacity, this.#ips, this.#ports, this.#zone, 2);
  }

  get size(): number {
    return this.#size;
  }

  /** Entries that had to go for newer ones before their time. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Remembers a loss, in place of what was known under the same original tuple. */
  add(old: FlowEvent, cause: Cause, lastActivityMs: number | undefined, nowMs: number): void {
    const slot = this.#newSlot(old.zone, old.original, old.reply, cause, nowMs);
    this.#flags[slot]! |= old.type === 'snapshot' ? OLD_KNOWN | FROM_SNAPSHOT : OLD_KNOWN;
    this.#tcpState[slot] = old.tcpState === undefined ? 0xff : TCP_STATES.indexOf(old.tcpState);
    this.#status[slot] =
      old.status ?? (old.seenReply ? IPS_SEEN_REPLY : 0) | (old.assured ? IPS_ASSURED : 0) | STATUS_FROM_TEXT;
    this.#timeout[slot] = old.timeoutSeconds ?? NO_NUMBER;
    this.#portId[slot] = old.portId;
    this.#id[slot] = old.id ?? NO_NUMBER;
    this.#lostAt[slot] = old.atMs;
    this.#lastActivity[slot] = lastActivityMs ?? Number.NaN;
  }

  /** Remembers a connection that is known to be broken, and nothing else of it. */
  addBroken(zone: number, original: Tuple, nowMs: number): void {
    const slot = this.#newSlot(zone, original, undefined, 'unseen', nowMs);
    this.#lastActivity[slot] = Number.NaN;
    this.markBroken(slot);
  }

  markBroken(slot: Slot): void {
    this.#flags[slot]! |= BROKEN;
  }

  /** Drops what is known under this original tuple, if anything. */
  forget(zone: number, original: Tuple, nowMs: number): void {
    const slot = this.size === 0 ? undefined : this.findByOriginal(zone, original, nowMs);
    if (slot !== undefined) this.remove(slot);
  }

  findByOriginal(zone: number, tuple: Tuple, nowMs: number): Slot | undefined {
    return this.#find(this.#byOriginal, zone, tuple, nowMs);
  }

  findByReply(zone: number, tuple: Tuple, nowMs: number): Slot | undefined {
    return this.#find(this.#byReply, zone, tuple, nowMs);
  }

  read(slot: Slot): LostEntry {
    const zone = this.#zone[slot]!;
    const original = this.#tuple(slot, 0);
    const cause = CAUSE_NUMBERS[this.#cause[slot]!]!;
    const flags = this.#flags[slot]!;
    const lastActivity = this.#lastActivity[slot]!;
    return {
      old: flags & OLD_KNOWN ? this.#old(slot, zone, original) : undefined,
      zone,
      original,
      cause,
      lastActivityMs: Number.isNaN(lastActivity) ? undefined : lastActivity,
      addedAtMs: this.#addedAt[slot]!,
      broken: (flags & BROKEN) !== 0,
    };
  }

  remove(slot: Slot): void {
    if (!(this.#flags[slot]! & ALIVE)) return;
    this.#byOriginal.remove(slot);
    if (this.#ips[slot * 4 + 2] !== 0) this.#byReply.remove(slot);
    for (let i = slot * 4; i < slot * 4 + 4; i++)
      if (this.#ips[i] !== 0) this.#addresses.release(this.#ips[i]!);
    const [older, newer] = [this.#older[slot]!, this.#newer[slot]!];
    if (older === 0) this.#oldest = newer;
    else this.#newer[older - 1] = newer;
    if (newer === 0) this.#newest = older;
    else this.#older[newer - 1] = older;
    this.#newer[slot] = this.#free;
    this.#free = slot + 1;
    this.#flags[slot] = 0;
    this.#size--;
  }

  /** Frees what is past its time. Entries are in the order of their age, so this stops at the first young one. */
  expire(nowMs: number): void {
    while (this.#oldest !== 0 && nowMs - this.#addedAt[this.#oldest - 1]! >= this.#ttlMs) {
      this.remove(this.#oldest - 1);
    }
  }

  #find(index: TupleIndex, zone: number, tuple: Tuple, nowMs: number): Slot | undefined {
    const src = this.#addresses.find(tuple.src);
    const dst = this.#addresses.find(tuple.dst);
    if (src === 0 || dst === 0) return undefined;
    const slot = index.find(zone, src, tuple.sport, dst, tuple.dport);
    if (slot === undefined || nowMs - this.#addedAt[slot]! >= this.#ttlMs) return undefined;
    return slot;
  }

  #newSlot(zone: number, original: Tuple, reply: Tuple | undefined, cause: Cause, nowMs: number): Slot {
    const known = this.#find(this.#byOriginal, zone, original, nowMs);
    if (known !== undefined) this.remove(known);
    this.expire(nowMs);
    if (this.#size === this.capacity) {
      this.#evictions++;
      this.remove(this.#oldest - 1);
    }
    const slot = this.#takeSlot();
    this.#write(slot, 0, original);
    this.#write(slot, 2, reply);
    this.#zone[slot] = zone;
    this.#flags[slot] = ALIVE;
    this.#cause[slot] = CAUSE_NUMBERS.indexOf(cause);
    this.#addedAt[slot] = nowMs;
    this.#byOriginal.add(slot);
    if (reply) this.#byReply.add(slot);
    return slot;
  }

  /** A free slot, entered as the newest. */
  #takeSlot(): Slot {
    let slot = this.#neverUsed;
    if (this.#free === 0) {
      this.#neverUsed++;
    } else {
      slot = this.#free - 1;
      this.#free = this.#newer[slot]!;
    }
    this.#newer[slot] = 0;
    this.#older[slot] = this.#newest;
    if (this.#newest === 0) this.#oldest = slot + 1;
    else this.#newer[this.#newest - 1] = slot + 1;
    this.#newest = slot + 1;
    this.#size++;
    return slot;
  }

  #write(slot: Slot, at: number, tuple: Tuple | undefined): void {
    const i = slot * 4 + at;
    this.#ips[i] = tuple ? this.#addresses.take(tuple.src) : 0;
    this.#ips[i + 1] = tuple ? this.#addresses.take(tuple.dst) : 0;
    this.#ports[i] = tuple?.sport ?? 0;
    this.#ports[i + 1] = tuple?.dport ?? 0;
  }

  #tuple(slot: Slot, at: number): Tuple {
    const i = slot * 4 + at;
    return {
      src: this.#addresses.get(this.#ips[i]!),
      sport: this.#ports[i]!,
      dst: this.#addresses.get(this.#ips[i + 1]!),
      dport: this.#ports[i + 1]!,
    };
  }

  #old(slot: Slot, zone: number, original: Tuple): FlowEvent {
    const status = this.#status[slot]!;
    const fromText = (status & STATUS_FROM_TEXT) !== 0;
    return {
      type: this.#flags[slot]! & FROM_SNAPSHOT ? 'snapshot' : 'destroy',
      atMs: this.#lostAt[slot]!,
      protocol: 6,
      zone,
      original,
      reply: this.#tuple(slot, 2),
      tcpState: TCP_STATES[this.#tcpState[slot]!],
      seenReply: (status & IPS_SEEN_REPLY) !== 0,
      assured: (status & IPS_ASSURED) !== 0,
      dstNat: fromText ? undefined : (status & IPS_DST_NAT) !== 0,
      status: fromText ? undefined : status,
      timeoutSeconds: numberOrNone(this.#timeout[slot]!),
      id: numberOrNone(this.#id[slot]!),
      portId: this.#portId[slot]!,
    };
  }
}

/** Marks a status put together from the words of a text; the kernel's own has 16 bits in use. */
const STATUS_FROM_TEXT = 0x40000000;

function numberOrNone(value: number): number | undefined {
  return value === NO_NUMBER ? undefined : value;
}
