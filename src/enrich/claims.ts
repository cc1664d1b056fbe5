interface Slot<V, A> {
  /** Who says something about the key, and what, in the order it was said. */
  readonly owners: string[];
  readonly values: V[];
  /** Chosen at the first question after a change. */
  answer: A | undefined;
}

const NOTHING: ReadonlyMap<string, unknown> = new Map();

/**
 * A map in which several owners may say something about the same key: what one owner takes back, another may
 * still say. A change costs as much as the owner says (and a scan of those who claim the same keys, mostly none);
 * the choice among claims is made once per change, when asked for, so that a flood of questions is cheap.
 */
export class Claims<V, A> {
  readonly #choose: (values: readonly V[]) => A;
  readonly #onVacant: ((key: string, last: V) => void) | undefined;
  readonly #slots = new Map<string, Slot<V, A>>();
  readonly #keysOfOwner = new Map<string, readonly string[]>();

  /**
   * `choose` makes the answer from all claims on a key: at least one, the one made last at the end. `onVacant` is told
   * each key that nobody says anything about any more, and what was said of it last.
   */
  constructor(choose: (values: readonly V[]) => A, onVacant?: (key: string, last: V) => void) {
    this.#choose = choose;
    this.#onVacant = onVacant;
  }

  get(key: string): A | undefined {
    const slot = this.#slots.get(key);
    if (!slot) return undefined;
    slot.answer ??= this.#choose(slot.values);
    return slot.answer;
  }

  /** Replaces all that this owner said before. */
  set(owner: string, said: ReadonlyMap<string, V>): void {
    this.#take(owner, said);
    if (said.size === 0) return;
    this.#keysOfOwner.set(owner, [...said.keys()]);
    for (const [key, value] of said) {
      const slot = this.#slots.get(key);
      if (slot) {
        slot.owners.push(owner);
        slot.values.push(value);
        slot.answer = undefined;
      } else this.#slots.set(key, { owners: [owner], values: [value], answer: undefined });
    }
  }

  /** Forgets all that this owner said. */
  delete(owner: string): void {
    this.#take(owner, NOTHING);
  }

  /** `next` is what the owner is about to say: those keys do not become vacant. */
  #take(owner: string, next: ReadonlyMap<string, unknown>): void {
    for (const key of this.#keysOfOwner.get(owner) ?? []) {
      const slot = this.#slots.get(key)!;
      const at = slot.owners.indexOf(owner);
      slot.owners.splice(at, 1);
      const [value] = slot.values.splice(at, 1);
      slot.answer = undefined;
      if (slot.owners.length > 0) continue;
      this.#slots.delete(key);
      if (!next.has(key)) this.#onVacant?.(key, value!);
    }
    this.#keysOfOwner.delete(owner);
  }
}
