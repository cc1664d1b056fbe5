const SECOND_TICKS = 10;
const MOST_SECONDS = 300_000_000;
/** The time that an entry has left comes in whole seconds, so it may seem to end a second later, and ticks are rounded. */
const LATER_TICKS = 12;

/** What an entry has left, in ticks: whole seconds are sent, cut off, so half a second more is the best estimate. */
export function ticksLeft(timeoutSeconds: number): number {
  return Math.min(timeoutSeconds, MOST_SECONDS) * SECOND_TICKS + SECOND_TICKS / 2;
}

/**
 * Whether an entry that had so much left at `tick`, or later, ends later than it did by what was known of it before:
 * it was used since. Asked of the store and right before a renewal, and both must say the same: an entry that is
 * left alone as it was used, and that the store does not take for used, would be left alone until it is gone.
 */
export function endsLater(expiresAt: number, tick: number, timeoutSeconds: number): boolean {
  return tick + ticksLeft(timeoutSeconds) > expiresAt + LATER_TICKS;
}
