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
  /** The old entry: its DESTROY, or as a snapshot had it. */
  readonly old: FlowEvent | undefined;
  readonly lastActivityMs: number | undefined;
  /** The connection was known to be broken before this pickup. */
  readonly alreadyBroken: boolean;
  /** Monotonic milliseconds. */
  readonly seenAtMs: number;
  /** When the kernel is to be asked, next. */
  dueAtMs: number;
  /** How often the kernel was asked without an answer that decides, and how often it had no such entry. */
  fruitless: number;
  absent: number;
}

/**
 * Pickups without a verdict, by the zone and original tuple of the new entry. Bounded. Each waits for its confirm
 * window, and after each question that decided nothing for a longer time. Everything that waits for the same time
 * is in one queue, so a queue is in the order in which its pickups fall due.
 */
export class PendingPickups {
  readonly capacity: number;
  readonly #byTuple = new Map<string, PendingPickup>();
  /** How many have this source port: most events are of none, and need no key to be made for them. */
  readonly #bySourcePort = new Uint32Array(65_536);
  /** Those that wait, by how often they were asked for; one that waits for the kernel's answer is in none. */
  readonly #queues: Set<PendingPickup>[] = [];
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
    return this.mayHave(original.sport) ? this.#byTuple.get(keyOf(zone, original)) : undefined;
  }

  /** Whether there is one with this source port in its original tuple. */
  mayHave(sourcePort: number): boolean {
    return this.size > 0 && this.#bySourcePort[sourcePort] !== 0;
  }

  has(pending: PendingPickup): boolean {
    return this.get(pending.pickup.zone, pending.pickup.original) === pending;
  }

  /** Returns the ones that had to make room, now without a verdict. */
  add(pending: PendingPickup): PendingPickup[] {
    const displaced: PendingPickup[] = [];
    const known = this.get(pending.pickup.zone, pending.pickup.original);
    if (known) displaced.push(known);
    else if (this.size >= this.capacity) {
      displaced.push(this.#byTuple.values().next().value!);
      this.#evictions++;
    }
    for (const each of displaced) this.remove(each);
    this.#byTuple.set(keyOf(pending.pickup.zone, pending.pickup.original), pending);
    this.#bySourcePort[pending.pickup.original.sport]!++;
    this.#queue(pending);
    return displaced;
  }

  remove(pending: PendingPickup): void {
    const { zone, original } = pending.pickup;
    if (this.#byTuple.delete(keyOf(zone, original))) this.#bySourcePort[original.sport]!--;
    this.#queues[pending.fruitless]?.delete(pending);
  }

  /** The waiting ones whose time has come; from now on they wait for the kernel's answer. */
  takeDue(nowMs: number): PendingPickup[] {
    const due: PendingPickup[] = [];
    for (const queue of this.#queues) {
      for (const pending of queue) {
        if (pending.dueAtMs > nowMs) break;
        queue.delete(pending);
        due.push(pending);
      }
    }
    return due;
  }

  /** Lets one that was asked for in vain wait again. */
  postpone(pending: PendingPickup, dueAtMs: number): void {
    pending.fruitless++;
    pending.dueAtMs = dueAtMs;
    this.#queue(pending);
  }

  /** When the next one falls due; undefined if none waits. */
  nextDueAtMs(): number | undefined {
    let next: number | undefined;
    for (const queue of this.#queues) {
      const first = queue.values().next().value;
      if (first && (next === undefined || first.dueAtMs < next)) next = first.dueAtMs;
    }
    return next;
  }

  values(): IterableIterator<PendingPickup> {
    return this.#byTuple.values();
  }

  #queue(pending: PendingPickup): void {
    while (this.#queues.length <= pending.fruitless) this.#queues.push(new Set());
    this.#queues[pending.fruitless]!.add(pending);
  }
}

function keyOf(zone: number, { src, sport, dst, dport }: Tuple): string {
  return `${zone} ${src} ${sport} ${dst} ${dport}`;
}
