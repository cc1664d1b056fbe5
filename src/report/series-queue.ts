import type { Series } from './event-series.ts';

/** What could not be told for this long is given up: log and metrics have it. */
const GIVE_UP_MS = 600_000;

/** The series that have something to tell, the one that was put last at the end. Times are monotonic milliseconds. */
export class SeriesQueue {
  readonly #waiting = new Set<Series>();
  readonly #onGivenUp: (series: Series) => void;

  /** `onGivenUp` is told those that waited for too long. */
  constructor(onGivenUp: (series: Series) => void) {
    this.#onGivenUp = onGivenUp;
  }

  get size(): number {
    return this.#waiting.size;
  }

  put(series: Series, sinceMs: number): void {
    series.state = 'waiting';
    series.waitingSinceMs = sinceMs;
    this.#waiting.add(series);
  }

  take(series: Series): void {
    series.state = 'sending';
    this.#waiting.delete(series);
  }

  /** Whose turn it is, `isEnd` or not yet due: a new Event's before an update's. Else when the next one is due. */
  next(nowMs: number, isEnd: boolean): { readonly series: Series | undefined; readonly dueMs: number } {
    let next: Series | undefined;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const series of this.#waiting) {
      if (nowMs - series.waitingSinceMs > GIVE_UP_MS) {
        this.#waiting.delete(series);
        this.#onGivenUp(series);
        continue;
      }
      dueMs = Math.min(dueMs, series.dueMs);
      if (series.dueMs > nowMs && !isEnd) continue;
      if (!next || (next.isCreated && !series.isCreated)) next = series;
    }
    return { series: next, dueMs };
  }
}
