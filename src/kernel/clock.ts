/** Steps of the wall clock smaller than this are left alone: Date.now() has whole milliseconds only. */
const TOLERATED_DRIFT_MS = 20;

export interface Clock {
  /** Milliseconds that only go forward, for deadlines and durations. */
  monotonicMs(): number;
  /** Milliseconds since the epoch with a fraction, for people; follows the system's clock when that is set. */
  wallMs(): number;
}

export function systemClock(): Clock {
  let offset = performance.timeOrigin;
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => {
      const monotonic = performance.now();
      const coarse = Date.now();
      if (Math.abs(monotonic + offset - coarse) > TOLERATED_DRIFT_MS) offset = coarse - monotonic;
      return monotonic + offset;
    },
  };
}
