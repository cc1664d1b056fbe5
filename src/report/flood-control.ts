export interface FloodLimits {
  /** Lines that may come at once. */
  readonly burst: number;
  /** Lines a second in the long run. */
  readonly perSecond: number;
}

/** What was held back since it was last said, and for how long that went on. */
export interface HeldBack {
  readonly lines: number;
  readonly periodMs: number;
}

export interface FloodControl {
  /** Whether one more line may be written at `nowMs`; if so, also what to say first. */
  admit(nowMs: number): { readonly allowed: boolean; readonly heldBack: HeldBack | undefined };
  /** What was held back and not yet said: for a timer, and for the end of the process. */
  drain(nowMs: number): HeldBack | undefined;
}

const DEFAULT_LIMITS: FloodLimits = { burst: 50, perSecond: 5 };

/** A token bucket, full at first. Any clock in milliseconds will do; one that is set back costs no line. */
export function createFloodControl({ burst, perSecond }: FloodLimits = DEFAULT_LIMITS): FloodControl {
  let tokens = burst;
  let filledAtMs: number | undefined;
  let held = { lines: 0, sinceMs: 0 };

  function fill(nowMs: number): void {
    // After a step back the old time would let no token in until the clock is there again.
    const elapsedMs = Math.max(0, nowMs - (filledAtMs ?? nowMs));
    tokens = Math.min(burst, tokens + (elapsedMs * perSecond) / 1000);
    filledAtMs = nowMs;
  }

  function drain(nowMs: number): HeldBack | undefined {
    if (held.lines === 0) return undefined;
    const heldBack = { lines: held.lines, periodMs: Math.max(0, nowMs - held.sinceMs) };
    held = { lines: 0, sinceMs: 0 };
    return heldBack;
  }

  return {
    admit(nowMs) {
      fill(nowMs);
      if (tokens >= 1) {
        tokens -= 1;
        return { allowed: true, heldBack: drain(nowMs) };
      }
      held = { lines: held.lines + 1, sinceMs: held.lines === 0 ? nowMs : held.sinceMs };
      return { allowed: false, heldBack: undefined };
    },
    drain,
  };
}
