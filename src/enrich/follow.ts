import type { ApiGet } from './api-call.ts';
import { type ApiError, asApiError, isExpired } from './api-error.ts';
import type { FollowTiming } from './follow-timing.ts';
import { list, watch } from './list-and-watch.ts';
import { ObjectSet } from './object-set.ts';
import { type ClusterProblem, Problems } from './problems.ts';
import type { Resource } from './resources.ts';
import { SyncState } from './sync-state.ts';
import { sleep } from './timers.ts';

export interface FollowOptions {
  readonly resource: Resource;
  readonly get: ApiGet;
  readonly timing: FollowTiming;
  readonly nowMs: () => number;
  /** From 0 to less than 1. */
  readonly random: () => number;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** The first list is complete; or the server tells again, by a list or a watch, after a problem that was told. */
  readonly onSynced: () => void;
  readonly onProblem: (problem: ClusterProblem) => void;
}

/** One resource, kept up to date. */
export interface Follower {
  /** It was listed, may be watched, and the server gave a sign less than 2.5 minutes ago. */
  synced(): boolean;
  /** Failed requests, broken watches and objects that made no sense, so far. */
  errors(): number;
  /** Resolves when it has ended, after the signal; never rejects for what the server does. */
  readonly ended: Promise<void>;
}

/**
 * Lists a resource and then watches it from there, for good:
 *
 *     list ──▶ watch ──ended in order, or broken──▶ wait ──▶ watch from the last version that was told
 *      ▲         ├──410: that version is too old───▶ wait ──┐
 *      │         └──three in a row told nothing────▶ wait ──┤
 *      └────────────────────────────────────────────────────┘
 *
 * Whatever fails is tried again after a wait that doubles; a watch that went well makes it short again. Meanwhile all
 * that is known stays. `sync-state.ts` decides what of it counts as up to date, when to list and how long to wait. Source:
 * Kubernetes API Concepts, "Efficient detection of changes"; client-go's Reflector.
 */
export function follow(options: FollowOptions): Follower {
  const { resource, timing, nowMs, random, signal } = options;
  const problems = new Problems(resource, nowMs, options.onProblem);
  const onMalformed = (reason: string) => {
    errors++;
    problems.malformed(reason);
  };
  const objects = new ObjectSet(resource, onMalformed);
  const state = new SyncState(timing);
  /** Where to watch from; undefined: list first. */
  let version: string | undefined;
  let errors = 0;
  let isListed = false;

  async function listOnce(): Promise<ApiError | undefined> {
    try {
      version = await list(options, objects);
    } catch (error) {
      const failure = asApiError(error);
      state.listFailed();
      errors++;
      // A list may take longer than its continue token lives; once is no reason to worry anybody.
      if (!isExpired(failure) || state.failures > 1) problems.failed('list', failure.message, failure.status);
      return failure;
    }
    if (version === undefined) return undefined;
    const isSign = state.listed(nowMs());
    if ((isSign && problems.worked()) || !isListed) options.onSynced();
    isListed = true;
    return undefined;
  }

  async function watchOnce(from: string): Promise<ApiError | undefined> {
    const [min, max] = timing.watchSeconds;
    const lastsSeconds = Math.round(min + (max - min) * random());
    let acceptedMs: number | undefined;
    let lines = 0;
    let failure: ApiError | undefined;
    try {
      await watch(options, objects, from, lastsSeconds, {
        onAccepted: () => {
          acceptedMs = nowMs();
          state.watchAccepted(acceptedMs);
        },
        onLine: () => {
          lines++;
          state.told(nowMs());
          // Not when it is accepted: it may go on to say ERROR.
          if (problems.worked()) options.onSynced();
        },
        onVersion: (next) => {
          version = next;
        },
        onTooLong: () => onMalformed('a line of the watch is longer than any object'),
      });
    } catch (error) {
      failure = asApiError(error);
    }
    const wasAccepted = acceptedMs !== undefined;
    const lastedMs = acceptedMs === undefined ? 0 : nowMs() - acceptedMs;
    if (state.watchEnded({ wasAccepted, lines, lastedMs, failure }, nowMs())) version = undefined;
    if (!failure || isExpired(failure)) return failure;
    errors++;
    // A watch that was accepted and broke is simply taken up again; if it goes on like that it is said.
    const isBreak = wasAccepted && failure.status === undefined && state.failures <= 1;
    if (!isBreak) problems.failed('watch', failure.message, failure.status);
    return failure;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const isList = version === undefined;
      const failure = version === undefined ? await listOnce() : await watchOnce(version);
      // After a list that worked the watch begins at once.
      const isRelist = !isList && version === undefined;
      if (!isList || failure) await sleep(state.waitMs(failure, isRelist, random), signal);
    }
  }

  return {
    synced: () => state.isSynced(nowMs()),
    errors: () => errors,
    ended: run(),
  };
}
