/** A failed round, and one that takes its time, must not let an entry slip through. */
const ROUNDS = 3;
const URGENT_ROUNDS = 1.5;
/** Remaining times come in whole seconds, cut off, and wobble by one. */
const ROUNDING_MS = 1000;
/** In a timeout as short as this part of it, the table is read at least so often. */
const LOOKS_PER_TIMEOUT = 8;
const SHORTEST_INTERVAL_MS = 500;

/**
 * When an entry is due to be renewed: at so many seconds left. Those that were opened together would be due together for
 * ever, so each connection has its own moment between the two.
 */
export interface RenewalWindow {
  readonly latestSeconds: number;
  readonly earliestSeconds: number;
  /** The whole timeout: what has as much left gains nothing. */
  readonly timeoutSeconds: number;
  /** What has less left than this may be gone in the next round. */
  readonly urgentSeconds: number;
}

/**
 * With a long timeout from a half to a quarter of it: that leaves an agent which was stopped hours to come back. With a
 * short one at the latest when it would not last for three more rounds.
 *
 * @param timeoutSeconds the whole timeout of an established connection
 * @param roundMs from the beginning of one round to that of the next
 */
export function renewalWindow(timeoutSeconds: number, roundMs: number): RenewalWindow {
  const safeSeconds = (ROUNDS * roundMs + ROUNDING_MS) / 1000;
  return {
    latestSeconds: Math.max(safeSeconds, timeoutSeconds / 4),
    earliestSeconds: Math.max(safeSeconds, timeoutSeconds / 2),
    timeoutSeconds,
    urgentSeconds: (URGENT_ROUNDS * roundMs + ROUNDING_MS) / 1000,
  };
}

/** At how many seconds left the connection is due; `spread` is from 0 to 1, and always the same for a connection. */
export function dueBelow({ latestSeconds, earliestSeconds }: RenewalWindow, spread: number): number {
  return latestSeconds + spread * (earliestSeconds - latestSeconds);
}

/** How often the table must be read to renew what has such a timeout; not more often than `wantedMs` if that will do. */
export function roundInterval(timeoutSeconds: number, wantedMs: number): number {
  return Math.min(
    wantedMs,
    Math.max(SHORTEST_INTERVAL_MS, Math.floor((timeoutSeconds * 1000) / LOOKS_PER_TIMEOUT)),
  );
}
