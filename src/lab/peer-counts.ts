import type { Counts } from './peer-protocol.ts';

const NAMES = ['total', 'open', 'halfClosed', 'reset', 'closed', 'bytesReceived'] as const;

/** Counts that can be waited for. */
export class PeerCounts {
  readonly #now = { total: 0, open: 0, halfClosed: 0, reset: 0, closed: 0, bytesReceived: 0 };
  readonly #watchers = new Set<() => void>();

  /** Adds to the counts. */
  change(by: Partial<Counts>): void {
    for (const name of NAMES) this.#now[name] += by[name] ?? 0;
    for (const check of this.#watchers) check();
  }

  now(): Counts {
    return { ...this.#now };
  }

  /** Resolves when every count given is reached; rejects when the time is over. */
  async atLeast(least: Partial<Counts>, timeoutMs: number): Promise<Counts> {
    const { promise, resolve, reject } = Promise.withResolvers<Counts>();
    const check = () => {
      if (NAMES.every((name) => this.#now[name] >= (least[name] ?? 0))) resolve(this.now());
    };
    const timeout = setTimeout(() => {
      const [wanted, have] = [JSON.stringify(least), JSON.stringify(this.#now)];
      reject(new Error(`waited ${timeoutMs} ms for ${wanted}, have ${have}`));
    }, timeoutMs);
    this.#watchers.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timeout);
      this.#watchers.delete(check);
    }
  }
}
