interface Kept<V> {
  readonly untilMs: number;
  readonly value: V;
}

/**
 * A map that forgets: each entry some time after it was set, and the ones set first when there are too many. Setting and
 * asking cost the same however much is kept.
 */
export class RecentMap<V> {
  readonly #nowMs: () => number;
  readonly #keepMs: number;
  readonly #maxEntries: number;
  /** The one set first at the front. */
  readonly #entries = new Map<string, Kept<V>>();

  /** `nowMs` must not go backward. */
  constructor(nowMs: () => number, keepMs: number, maxEntries: number) {
    this.#nowMs = nowMs;
    this.#keepMs = keepMs;
    this.#maxEntries = maxEntries;
  }

  /** With those whose time is over, but that nobody cleared away yet. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    const kept = this.#entries.get(key);
    return kept && kept.untilMs > this.#nowMs() ? kept.value : undefined;
  }

  /** Its time begins now, also if it was there before. */
  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, { untilMs: this.#nowMs() + this.#keepMs, value });
    this.#prune();
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  #prune(): void {
    const now = this.#nowMs();
    for (const [key, { untilMs }] of this.#entries) {
      if (untilMs > now && this.#entries.size <= this.#maxEntries) return;
      this.#entries.delete(key);
    }
  }
}
