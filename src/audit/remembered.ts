import type { Slot } from './flow-columns.ts';

/**
 * The order in which flows went, oldest first, in a ring: what is remembered of them is bounded. An entry whose flow
 * came back, or was dropped otherwise, stays in the ring until its turn; the owner tells by `place` that it is stale.
 */
export class RememberedQueue {
  readonly capacity: number;
  readonly #slots: Uint32Array;
  readonly #goneAt: Uint32Array;
  #oldest = 0;
  #length = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#slots = new Uint32Array(capacity);
    this.#goneAt = new Uint32Array(capacity);
  }

  get isFull(): boolean {
    return this.#length === this.capacity;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** The oldest entry's place, slot and tick. The queue must not be empty. */
  oldest(): { readonly place: number; readonly slot: Slot; readonly goneAt: number } {
    const place = this.#oldest;
    return { place, slot: this.#slots[place]!, goneAt: this.#goneAt[place]! };
  }

  goneAt(place: number): number {
    return this.#goneAt[place]!;
  }

  /** Returns the entry's place. The queue must not be full. */
  push(slot: Slot, goneAt: number): number {
    const place = (this.#oldest + this.#length++) % this.capacity;
    this.#slots[place] = slot;
    this.#goneAt[place] = goneAt;
    return place;
  }

  dropOldest(): void {
    this.#oldest = (this.#oldest + 1) % this.capacity;
    this.#length--;
  }
}
