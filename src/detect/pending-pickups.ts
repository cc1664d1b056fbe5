import type { Cause, Connection, Mapping, Sender } from '../model/finding.ts';
import type { Tuple } from '../model/flow.ts';
import type { FlowEvent } from '../model/flow-event.ts';

/** A pickup whose outcome is not known yet. Compared by identity: a later one may have the same tuples. */
export interface PendingPickup {
  readonly pickup: FlowEvent;
  readonly connection: Connection;
  readonly sender: Sender;
  readonly mapping: Mapping;
  readonly cause: Cause;
  readonly destroy: FlowEvent | undefined;
  readonly lastActivityMs: number | undefined;
  /** The connection was known to be broken before this pickup. */
  readonly alreadyBroken: boolean;
  /** Monotonic milliseconds. */
  readonly seenAtMs: number;
  /** When the kernel is to be asked. */
  dueAtMs: number;
  /** How often the kernel was asked without an answer that decides. */
  fruitless: number;
}

/**
 * Pickups without a verdict, by the zone and original tuple of the new entry: first waiting for their confirm window
 * to end, then for the kernel's answer. Bounded. The window is the same for all, so the waiting ones are in the
 * order in which they fall due.
 */
export class PendingPickups {
  readonly capacity: number;
  readonly #waiting = new Map<string, PendingPickup>();
  readonly #asked = new Map<string, PendingPickup>();
  #evictions = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#waiting.size + this.#asked.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  get(zone: number, original: Tuple): PendingPickup | undefined {
    if (this.size === 0) return undefined;
    const key = keyOf(zone, original);
    return this.#waiting.get(key) ?? this.#asked.get(key);
  }

  has(pending: PendingPickup): boolean {
    return this.get(pending.pickup.zone, pending.pickup.original) === pending;
  }

  /** Returns the ones that had to make room, now without a verdict. */
  add(pending: PendingPickup): PendingPickup[] {
    const displaced: PendingPickup[] = [];
    const known = this.get(pending.pickup.zone, pending.pickup.original);
    if (known) {
      this.remove(known);
      displaced.push(known);
    }
    if (this.size >= this.capacity) {
      const oldest = this.#first()!;
      this.remove(oldest);
      displaced.push(oldest);
      this.#evictions++;
    }
    this.#waiting.set(keyOf(pending.pickup.zone, pending.pickup.original), pending);
    return displaced;
  }

  remove({ pickup }: PendingPickup): void {
    const key = keyOf(pickup.zone, pickup.original);
    this.#waiting.delete(key);
    this.#asked.delete(key);
  }

  /** The waiting ones whose time has come; from now on they wait for the kernel's answer. */
  takeDue(nowMs: number): PendingPickup[] {
    const due: PendingPickup[] = [];
    for (const [key, pending] of this.#waiting) {
      if (pending.dueAtMs > nowMs) break;
      this.#waiting.delete(key);
      this.#asked.set(key, pending);
      due.push(pending);
    }
    return due;
  }

  /** Lets one that was asked for in vain wait again. */
  postpone(pending: PendingPickup, dueAtMs: number): void {
    this.remove(pending);
    pending.dueAtMs = dueAtMs;
    this.#waiting.set(keyOf(pending.pickup.zone, pending.pickup.original), pending);
  }

  /** When the next one falls due; undefined if none waits. */
  nextDueAtMs(): number | undefined {
    return this.#waiting.values().next().value?.dueAtMs;
  }

  *values(): IterableIterator<PendingPickup> {
    yield* this.#asked.values();
    yield* this.#waiting.values();
  }

  #first(): PendingPickup | undefined {
    return this.#asked.values().next().value ?? this.#waiting.values().next().value;
  }
}

function keyOf(zone: number, { src, sport, dst, dport }: Tuple): string {
  return `${zone} ${src} ${sport} ${dst} ${dport}`;
}
