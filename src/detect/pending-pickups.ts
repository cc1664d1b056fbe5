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
  /** Monotonic milliseconds: when it was seen, and when the kernel is to be asked. */
  readonly seenAtMs: number;
  dueAtMs: number;
  asked: boolean;
  /** How often the kernel was asked without an answer that decides. */
  fruitless: number;
}

/**
 * Pickups that wait for their verdict, by the zone and original tuple of the new entry. Bounded; each leaves at
 * its verdict or soon after the confirm window, so they are in the order of their age.
 */
export class PendingPickups {
  readonly capacity: number;
  readonly #byTuple = new Map<string, PendingPickup>();
  #evictions = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#byTuple.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  get(zone: number, original: Tuple): PendingPickup | undefined {
    return this.#byTuple.size === 0 ? undefined : this.#byTuple.get(keyOf(zone, original));
  }

  /** Returns the ones that had to make room, now without a verdict. */
  add(pending: PendingPickup): PendingPickup[] {
    const key = keyOf(pending.pickup.zone, pending.pickup.original);
    const displaced: PendingPickup[] = [];
    const known = this.#byTuple.get(key);
    if (known) displaced.push(known);
    this.#byTuple.delete(key);
    if (this.#byTuple.size >= this.capacity) {
      const oldest = this.#byTuple.values().next().value!;
      this.remove(oldest);
      displaced.push(oldest);
      this.#evictions++;
    }
    this.#byTuple.set(key, pending);
    return displaced;
  }

  remove(pending: PendingPickup): void {
    this.#byTuple.delete(keyOf(pending.pickup.zone, pending.pickup.original));
  }

  has(pending: PendingPickup): boolean {
    return this.get(pending.pickup.zone, pending.pickup.original) === pending;
  }

  values(): IterableIterator<PendingPickup> {
    return this.#byTuple.values();
  }
}

function keyOf(zone: number, { src, sport, dst, dport }: Tuple): string {
  return `${zone} ${src} ${sport} ${dst} ${dport}`;
}
