/**
 * Gives equal strings one memory: parsed text has a copy for each time a name is said. Forgets all it has when there are
 * too many, which only means that some are there twice.
 */
export class Interner {
  readonly #capacity: number;
  readonly #known = new Map<string, string>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many strings are known. */
  get size(): number {
    return this.#known.size;
  }

  intern(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#capacity) this.#known.clear();
    this.#known.set(text, text);
    return text;
  }
}
