export interface PaceLimits {
  /** Requests that may go at once. */
  readonly burst: number;
  /** One more after each of these, in the long run. */
  readonly intervalMs: number;
  /** The wait after a failure; it doubles from there, up to the greatest. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

/** When the next request may go. Times are monotonic milliseconds. */
export interface RequestPace {
  /** The time from which on it may, which may be over. */
  readyAtMs(): number;
  /** A request goes. */
  take(nowMs: number): void;
  worked(): void;
  /** It did not work: nothing goes for a while that is spread so that many nodes do not come back in step. */
  failed(nowMs: number, atLeastMs?: number): void;
}

/** A token bucket that is full at first, and backoff. `random` gives 0 to less than 1. */
export function createRequestPace(limits: PaceLimits, random: () => number): RequestPace {
  const { burst, intervalMs, backoffMinMs, backoffMaxMs } = limits;
  /** When the bucket will be full if nothing more is taken. */
  let fullAtMs = Number.NEGATIVE_INFINITY;
  let blockedUntilMs = Number.NEGATIVE_INFINITY;
  let failures = 0;
  return {
    readyAtMs: () => Math.max(fullAtMs - (burst - 1) * intervalMs, blockedUntilMs),
    take(nowMs) {
      fullAtMs = Math.max(fullAtMs, nowMs) + intervalMs;
    },
    worked() {
      failures = 0;
    },
    failed(nowMs, atLeastMs = 0) {
      failures++;
      const waitMs = Math.max(atLeastMs, Math.min(backoffMaxMs, backoffMinMs * 2 ** (failures - 1)));
      blockedUntilMs = nowMs + waitMs * (1 + 0.2 * random());
    },
  };
}
