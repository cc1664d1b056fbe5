import { type ApiError, isExpired } from './api-error.ts';
import { backoffMs, type FollowTiming, spread } from './follow-timing.ts';

/** A watch that ended, or never began. */
export interface EndedWatch {
  /** The server said 200. */
  readonly wasAccepted: boolean;
  /** Complete lines, the one that said ERROR not among them. */
  readonly lines: number;
  /** From when it was accepted. */
  readonly lastedMs: number;
  readonly failure: ApiError | undefined;
}

/** After so many fruitless watches in a row neither they nor the version they begin at are trusted any more. */
const FRUITLESS_WATCHES = 3;
/** They say who may ask, and how often; a list would be told the same. */
const SAYS_NOTHING_OF_VERSION = [401, 403, 429];

/**
 * What the answers so far mean for one resource: is it up to date, is the version to watch from any good, how long to wait.
 *
 * It is up to date while the server's last sign is younger than `staleMs`, in which two bookmarks have to come. A line of
 * a watch is a sign. So is that a list is complete, and that a watch is accepted or ends in order after a good while, but
 * only as long as watches bear fruit. A watch is fruitless if the server answered it and it told nothing: it was refused,
 * ended with an ERROR, or broke off at once. A server that does so three times in a row, and goes on, must not pass for one
 * that keeps us up to date. After every third the resource is listed anew, as what the server cannot tell may be what
 * happened at that very version; client-go's Reflector does so after the first.
 *
 * Who may list and not watch is not up to date either, and lists again when the list is `relistMs` old.
 */
export class SyncState {
  readonly #timing: FollowTiming;
  #lastSignMs = Number.NEGATIVE_INFINITY;
  #listedMs = Number.NEGATIVE_INFINITY;
  /** In a row. A list that works ends the first row, a watch that goes well the second. */
  #failedLists = 0;
  #failedWatches = 0;
  #fruitless = 0;
  #isDenied = false;
  #wasAccepted = false;

  constructor(timing: FollowTiming) {
    this.#timing = timing;
  }

  isSynced(nowMs: number): boolean {
    return nowMs - this.#lastSignMs < this.#timing.staleMs;
  }

  /** In a row, lists and watches. */
  get failures(): number {
    return this.#failedLists + this.#failedWatches;
  }

  /** A list is complete. Returns whether that is a sign. */
  listed(nowMs: number): boolean {
    this.#listedMs = nowMs;
    this.#failedLists = 0;
    const isSign = this.#bearsFruit && !this.#isDenied;
    if (isSign) this.#lastSignMs = nowMs;
    return isSign;
  }

  listFailed(): void {
    this.#failedLists++;
  }

  watchAccepted(nowMs: number): void {
    this.#wasAccepted = true;
    this.#isDenied = false;
    if (this.#bearsFruit) this.#lastSignMs = nowMs;
  }

  /** A line came that is no ERROR. */
  told(nowMs: number): void {
    this.#fruitless = 0;
    this.#lastSignMs = nowMs;
  }

  /** Returns whether to list anew instead of watching on. */
  watchEnded(watch: EndedWatch, nowMs: number): boolean {
    const { wasAccepted, lines, lastedMs, failure } = watch;
    const wasQuiet = wasAccepted && lastedMs >= this.#timing.goodWatchMs;
    this.#failedWatches = lines > 0 || wasQuiet ? 0 : this.#failedWatches + 1;
    if (isExpired(failure)) return true;
    if (failure?.status === 403) return this.#denied(nowMs);
    if (lines > 0) return false;
    if (wasQuiet && failure?.status === undefined) {
      this.#fruitless = 0;
      if (!failure) this.#lastSignMs = nowMs;
      return false;
    }
    // A server that is not there is no bad version.
    if (!wasAccepted && failure?.status === undefined) return false;
    this.#fruitless++;
    if (SAYS_NOTHING_OF_VERSION.includes(failure?.status ?? 0)) return false;
    return this.#fruitless % FRUITLESS_WATCHES === 0;
  }

  /** How long to wait before the next request; `isRelist`: it is a list after a watch. */
  waitMs(failure: ApiError | undefined, isRelist: boolean, random: () => number): number {
    const { deniedMs, relistSpreadMs } = this.#timing;
    if (failure?.status === 403) return spread(deniedMs, random);
    const waitMs = Math.max(failure?.retryAfterMs ?? 0, backoffMs(this.#timing, this.failures, random));
    return isRelist ? waitMs + relistSpreadMs * random() : waitMs;
  }

  get #bearsFruit(): boolean {
    return this.#fruitless < FRUITLESS_WATCHES;
  }

  #denied(nowMs: number): boolean {
    this.#isDenied = true;
    // The list before it looked like a sign.
    if (!this.#wasAccepted) this.#lastSignMs = Number.NEGATIVE_INFINITY;
    return nowMs - this.#listedMs >= this.#timing.relistMs;
  }
}
