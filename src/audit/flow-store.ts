import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY } from '../lib/ctnetlink.ts';
import { DEFAULT_TIMEOUTS, type TcpTimeouts } from '../lib/tcp-timeouts.ts';
import type { Tuple } from '../model/flow.ts';
import type { FlowRow } from '../model/flow-row.ts';
import type { KnownFlow } from '../model/known-flow.ts';
import type { EntryKey } from '../model/protection.ts';
import {
  ALIVE,
  BLIND,
  FlowColumns,
  GONE,
  IPVS,
  RENEWAL_SKIPPED,
  type Slot,
  SOCKET_BITS,
  STATE_MASK,
  tickOf,
  V6,
} from './flow-columns.ts';
import { findByText, knownFlowOf, tupleOf } from './flow-reading.ts';
import { hasMapping, idleOf, isTranslated } from './flow-rows.ts';
import { endsLater, ticksLeft } from './remaining-time.ts';
import { RememberedQueue } from './remembered.ts';

export interface FlowStoreOptions {
  /** Flows of the last snapshot and remembered ones together. */
  readonly capacity: number;
  readonly rememberedCapacity: number;
  readonly rememberedTtlMs: number;
}

/**
 * If nothing was sent an entry ends when it did by the snapshot before, as near as that can be told: it may seem to end
 * sooner by a second, and by as long as the agent was held up before it read the dump, then and now.
 */
const SOONER_TICKS = 20;
const ONE_SECOND = 10;
const OPEN_REPLIED = IPS_ASSURED | IPS_SEEN_REPLY;
/** ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK. */
const FIRST_OPEN = 3;
const LAST_OPEN = 6;
/** TIME_WAIT, CLOSE. */
const LAST_CLOSED = 8;

/**
 * Open TCP flows with a translated destination, as the snapshots of the conntrack table have them: the last one's, and
 * for a while those that were gone from it in a way no event told. Numbers in typed arrays, about 64 bytes a flow.
 *
 *     begin, (at, put ...) ..., then if the dump was complete: sweep ... until -1
 *
 * A dump that was not complete adds and renews, and takes nothing away. Times are monotonic milliseconds.
 */
export class FlowStore {
  /** Ask for it anew after every pause: growing replaces it. */
  columns: FlowColumns;
  readonly #remembered: RememberedQueue;
  readonly #rememberedTtl: number;
  /** Where the next row's flow most likely is: the kernel dumps in the order of its buckets, so the same as before. */
  #expected = 0;
  #neverUsed = 0;
  #free = 0;
  #alive = 0;
  #gone = 0;
  #blind = 0;
  #evictions = 0;
  #timeouts: TcpTimeouts = DEFAULT_TIMEOUTS;
  #newFlags = 0;
  /** When the running snapshot began: what was seen before it is not in it. */
  #begun = 0;
  #tick = 0;
  #madeTick = 0;
  readonly #madeAt: number;

  constructor(options: FlowStoreOptions, nowMs: number) {
    this.columns = new FlowColumns(options.capacity);
    this.#remembered = new RememberedQueue(options.rememberedCapacity);
    this.#rememberedTtl = options.rememberedTtlMs / 100;
    this.#madeAt = tickOf(nowMs);
    this.#tick = this.#madeAt;
  }

  /** Flows in the last snapshot. */
  get size(): number {
    return this.#alive;
  }

  /** Flows that are gone, and remembered. */
  get remembered(): number {
    return this.#gone;
  }

  /** Of the flows in the last snapshot, those that will send no event. */
  get blind(): number {
    return this.#blind;
  }

  /** Flows that had to go, or could not be taken in, for want of room. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Slots below this may be in use. */
  get slots(): number {
    return this.#neverUsed;
  }

  /**
   * Makes room for more flows. What is there is copied and indexed anew in one piece, some 10 ms for a hundred
   * thousand; needed only when nf_conntrack_max is raised under way.
   */
  grow(capacity: number): void {
    if (capacity <= this.columns.capacity) return;
    this.columns = this.columns.enlarged(capacity, this.#neverUsed);
  }

  /** `unheard`: flows that are new in this snapshot were made while nobody listened. */
  begin(nowMs: number, timeouts: TcpTimeouts, unheard: boolean): void {
    this.#expected = 0;
    this.#begun = Math.max(tickOf(nowMs), this.#tick + 1);
    this.#tick = this.#begun;
    this.#madeTick = this.#begun;
    this.#timeouts = timeouts;
    this.#newFlags = unheard ? ALIVE | BLIND : ALIVE;
  }

  /** The time of the rows that follow; `madeAtMs`: one at which the kernel had not made them yet, if it is known. */
  at(nowMs: number, madeAtMs = nowMs): void {
    this.#tick = Math.max(this.#tick, tickOf(nowMs));
    this.#madeTick = Math.min(this.#tick, tickOf(madeAtMs));
  }

  /** Takes an entry of the dump, if it is of an open connection with a translated destination. */
  put(row: FlowRow): void {
    const { status, tcpState } = row;
    if ((status & OPEN_REPLIED) !== OPEN_REPLIED || tcpState < FIRST_OPEN || tcpState > LAST_CLOSED) return;
    if (!isTranslated(row)) return;
    const known = this.#find(row);
    if (tcpState > LAST_OPEN) {
      // Proof that it closed in order.
      if (known !== undefined && hasMapping(this.columns, known, row)) this.#remove(known);
      return;
    }
    // What was gone from a complete dump and is there again is a new entry.
    const isSame =
      known !== undefined && !(this.columns.flags[known]! & GONE) && hasMapping(this.columns, known, row);
    if (known !== undefined && !isSame) this.#remove(known);
    const slot = isSame ? known : this.#newSlot(row);
    if (slot === undefined) return;
    this.#expected = slot + 1;
    this.#renew(slot, row);
  }

  #find({ v6, words, zone, sport, dport }: FlowRow): Slot | undefined {
    const { addresses, byOriginal, flags, ips, ports, zones } = this.columns;
    const src = v6 ? addresses.find(words, 0) : words[0]!;
    const dst = v6 ? addresses.find(words, 4) : words[4]!;
    if (src === 0 || dst === 0) return undefined;
    const slot = this.#expected;
    const i = slot * 4;
    const isThere =
      slot < this.#neverUsed &&
      ports[i] === sport &&
      ips[i] === src &&
      ips[i + 1] === dst &&
      ports[i + 1] === dport &&
      zones[slot] === zone &&
      (flags[slot]! & (ALIVE | V6)) === (v6 ? ALIVE | V6 : ALIVE);
    return isThere ? slot : byOriginal.find(zone, src, sport, dst, dport);
  }

  /**
   * After a complete dump: looks at `count` slots from `from` on and asks `judge` about each flow that was in an
   * earlier snapshot and not in this one, what to do with it. Returns where to go on, -1 at the end.
   */
  sweep(from: Slot, count: number, judge: (slot: Slot) => 'drop' | 'remember'): Slot {
    const { flags, seenAt } = this.columns;
    const end = Math.min(from + count, this.#neverUsed);
    for (let slot = from; slot < end; slot++) {
      if ((flags[slot]! & (ALIVE | GONE)) !== ALIVE || seenAt[slot]! >= this.#begun) continue;
      const verdict = judge(slot);
      // It may have been removed by what was done about it.
      if (!(flags[slot]! & ALIVE)) continue;
      if (verdict === 'drop') this.#remove(slot);
      else this.#remember(slot);
    }
    if (end < this.#neverUsed) return end;
    while (
      !this.#remembered.isEmpty &&
      this.#tick - this.#remembered.oldest().goneAt >= this.#rememberedTtl
    ) {
      this.#forgetOldest();
    }
    return -1;
  }

  findByOriginal(zone: number, tuple: Tuple): Slot | undefined {
    if (this.#alive + this.#gone === 0) return undefined;
    return findByText(this.columns, this.columns.byOriginal, zone, tuple);
  }

  findByReply(zone: number, tuple: Tuple): Slot | undefined {
    if (this.#alive + this.#gone === 0) return undefined;
    return findByText(this.columns, this.columns.byReply, zone, tuple);
  }

  remove(zone: number, original: Tuple): void {
    const slot = this.findByOriginal(zone, original);
    if (slot !== undefined) this.#remove(slot);
  }

  /** The last dump has it, and nothing was told of its end since. */
  isPresent(slot: Slot): boolean {
    const { flags, seenAt } = this.columns;
    return (flags[slot]! & (ALIVE | GONE)) === ALIVE && seenAt[slot]! >= this.#begun;
  }

  /** Its entry was given this much time anew, by no packet: how long it was idle stays what it was. `nowMs`: after that. */
  renewed(slot: Slot, timeoutSeconds: number, nowMs: number): void {
    const { expiresAt, flags } = this.columns;
    // Where an entry of which only whole seconds are known would be put that ends then at the latest.
    expiresAt[slot] = tickOf(nowMs) + timeoutSeconds * ONE_SECOND - ONE_SECOND / 2;
    flags[slot]! &= ~RENEWAL_SKIPPED;
  }

  /** Everything known of a flow. `wallOffsetMs`: the wall clock's lead over the monotonic one. */
  read(slot: Slot, wallOffsetMs: number): KnownFlow {
    const { flags, probeAt } = this.columns;
    const goneAt = flags[slot]! & GONE ? this.#remembered.goneAt(probeAt[slot]!) : undefined;
    return knownFlowOf(this.columns, slot, wallOffsetMs, goneAt);
  }

  /** Tick, to the minute: the start of the minute in which a snapshot had it first. */
  firstSeenAt(slot: Slot): number {
    return this.#madeAt + this.columns.firstSeen[slot]! * 60 * ONE_SECOND;
  }

  /** Writes what names the flow's entry. */
  putKey(slot: Slot, key: EntryKey): void {
    const { addresses, flags, ips, ports, zones } = this.columns;
    const i = slot * 4;
    key.v6 = (flags[slot]! & V6) !== 0;
    key.sport = ports[i]!;
    key.dport = ports[i + 1]!;
    key.zone = zones[slot]!;
    for (const end of [0, 1]) {
      if (key.v6) addresses.copy(ips[i + end]!, key.words, 4 * end);
      else key.words[4 * end] = ips[i + end]!;
    }
  }

  /** `which` 0: the original tuple, 2: the reply tuple. */
  tuple(slot: Slot, which: 0 | 2): Tuple {
    return tupleOf(this.columns, slot, which);
  }

  /** The flow is in the table now, with this much time left. */
  #renew(slot: Slot, row: FlowRow): void {
    const { flags, seenAt, expiresAt, lastActivity } = this.columns;
    const ipvs = row.status & IPS_DST_NAT ? 0 : IPVS;
    flags[slot] = (flags[slot]! & ~(IPVS | STATE_MASK)) | ipvs | row.tcpState;
    seenAt[slot] = this.#tick;
    const expires = this.#tick + ticksLeft(row.timeoutSeconds);
    // While the timer runs on to the same end nothing was sent, also if the sysctl was changed meanwhile. Its end stays
    // what it was then: else many small steps would pass for none.
    const before = expiresAt[slot]!;
    const isSame = !endsLater(before, this.#madeTick, row.timeoutSeconds) && expires >= before - SOONER_TICKS;
    if (lastActivity[slot] !== 0 && isSame) return;
    const idle = idleOf(row, this.#timeouts);
    lastActivity[slot] = idle === undefined ? 0 : this.#tick - Math.round(idle * ONE_SECOND);
    expiresAt[slot] = expires;
    flags[slot]! &= ~RENEWAL_SKIPPED;
  }

  #newSlot(row: FlowRow): Slot | undefined {
    const slot = this.#takeSlot();
    if (slot === undefined) {
      this.#evictions++;
      return undefined;
    }
    const minute = Math.floor((this.#tick - this.#madeAt) / (60 * ONE_SECOND));
    this.columns.fill(slot, row, this.#newFlags, minute);
    this.#alive++;
    if (this.#newFlags & BLIND) this.#blind++;
    return slot;
  }

  #takeSlot(): Slot | undefined {
    if (this.#free === 0 && this.#neverUsed === this.columns.capacity) {
      while (this.#free === 0 && !this.#remembered.isEmpty) this.#forgetOldest();
      if (this.#free === 0) return undefined;
    }
    if (this.#free === 0) return this.#neverUsed++;
    const slot = this.#free - 1;
    this.#free = this.columns.seenAt[slot]!;
    return slot;
  }

  #remove(slot: Slot): void {
    const flag = this.columns.flags[slot]!;
    if (flag & GONE) this.#gone--;
    else {
      this.#alive--;
      if (flag & BLIND) this.#blind--;
    }
    this.columns.clear(slot);
    this.columns.seenAt[slot] = this.#free;
    this.#free = slot + 1;
  }

  #remember(slot: Slot): void {
    if (this.#remembered.isFull) this.#forgetOldest();
    const { flags, probeAt } = this.columns;
    probeAt[slot] = this.#remembered.push(slot, this.#tick);
    if (flags[slot]! & BLIND) this.#blind--;
    flags[slot] = (flags[slot]! | GONE) & ~SOCKET_BITS;
    this.#alive--;
    this.#gone++;
  }

  #forgetOldest(): void {
    const { place, slot, goneAt } = this.#remembered.oldest();
    this.#remembered.dropOldest();
    const { flags, probeAt } = this.columns;
    // Else the flow came back, or was dropped, and the place is stale.
    if (!(flags[slot]! & GONE) || probeAt[slot] !== place) return;
    if (this.#tick - goneAt < this.#rememberedTtl) this.#evictions++;
    this.#remove(slot);
  }
}
