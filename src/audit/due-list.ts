import type { Slot } from './flow-columns.ts';

const SECOND_TICKS = 10;
/** Entries that have more time left than this, in seconds, are not told apart. */
const MOST_SECONDS = 432_000;

interface Due<Owner> {
  readonly slot: Slot;
  readonly owner: Owner;
}

/** The flows that are due in a round, each with whom it belongs to. */
export class DueList<Owner> {
  readonly #slots: Slot[] = [];
  /** Seconds left. */
  readonly #left: number[] = [];
  readonly #owners: Owner[] = [];

  get size(): number {
    return this.#slots.length;
  }

  add(slot: Slot, leftTicks: number, owner: Owner): void {
    this.#slots.push(slot);
    this.#left.push(Math.max(0, Math.min(MOST_SECONDS, Math.floor(leftTicks / SECOND_TICKS))));
    this.#owners.push(owner);
  }

  /** How many of them have less time left than that. */
  countBelow(seconds: number): number {
    return this.#left.reduce((count, left) => (left < seconds ? count + 1 : count), 0);
  }

  /** `limit` of them: if there are more, those with the least time left. */
  *first(limit: number): Generator<Due<Owner>, void> {
    const { second, places } = this.#cut(limit);
    let room = places;
    for (const [i, slot] of this.#slots.entries()) {
      const left = this.#left[i]!;
      if (left > second || (left === second && --room < 0)) continue;
      yield { slot, owner: this.#owners[i]! };
    }
  }

  /** Up to which second there is room for all, and how many places are left for those of that second. No sorting: a quarter of a million may be due. */
  #cut(limit: number): { readonly second: number; readonly places: number } {
    if (this.size <= limit) return { second: MOST_SECONDS, places: limit };
    const counts = new Uint32Array(MOST_SECONDS + 1);
    for (const left of this.#left) counts[left]!++;
    let places = limit;
    let second = 0;
    while (counts[second]! <= places) places -= counts[second++]!;
    return { second, places };
  }
}
