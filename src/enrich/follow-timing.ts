/** How long things take and wait; all but `watchSeconds` in milliseconds. */
export interface FollowTiming {
  /** The wait after a watch that went well, and the first one after a failure; it doubles from there. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** The wait when we may not: somebody has to change the RBAC rules first. */
  readonly deniedMs: number;
  /** How old a list may get when we may not watch. Lists of all nodes are much for a server, so not each minute. */
  readonly relistMs: number;
  /** How long the server may take to begin an answer, and to pause within a list. */
  readonly answerMs: number;
  /** A list after a watch waits up to this much longer: the lists of all nodes at once are much for a server. */
  readonly relistSpreadMs: number;
  /** How long a watch may be silent. Bookmarks come every minute. */
  readonly silenceMs: number;
  /** A watch without a word that lasted this long went well. */
  readonly goodWatchMs: number;
  /** After this long without a sign of the server what we know counts as stale; a half-open watch is replaced before. */
  readonly staleMs: number;
  /** The server ends a watch after a random time in this range, so that its load spreads. */
  readonly watchSeconds: readonly [min: number, max: number];
}

/** Backoff and watch times are those of client-go, tools/cache/reflector.go. */
export const DEFAULT_TIMING: FollowTiming = {
  backoffMinMs: 1000,
  backoffMaxMs: 30_000,
  deniedMs: 60_000,
  relistMs: 300_000,
  relistSpreadMs: 10_000,
  answerMs: 30_000,
  silenceMs: 130_000,
  goodWatchMs: 30_000,
  staleMs: 150_000,
  watchSeconds: [300, 600],
};

/** The wait after so many failures in a row (0: none), spread by a fifth so that nodes do not come back in step. */
export function backoffMs(timing: FollowTiming, failures: number, random: () => number): number {
  const { backoffMinMs, backoffMaxMs } = timing;
  return spread(Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.max(0, failures - 1)), random);
}

/** 0.8 to 1.2 times as long. */
export function spread(ms: number, random: () => number): number {
  return ms * (0.8 + 0.4 * random());
}
