import type { ApiGet } from './api-call.ts';
import { type ApiError, asApiError, isExpired } from './api-error.ts';
import { backoffMs, type FollowTiming, spread } from './follow-timing.ts';
import { list, watch } from './list-and-watch.ts';
import { ObjectSet } from './object-set.ts';
import { type ClusterProblem, Problems } from './problems.ts';
import type { Resource } from './resources.ts';
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
  /** It was listed, and the server was there less than a minute ago. */
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
 *      ▲         └──410: that version is too old──▶ wait ──┐
 *      └───────────────────────────────────────────────────┘
 *
 * Whatever fails is tried again after a wait that doubles; a watch that went well makes it short again. Meanwhile all
 * that is known stays. Who may list and not watch lists again every few minutes; that is better than old names, but it is
 * not counted as being up to date. Source: Kubernetes API Concepts, "Efficient detection of changes"; client-go's
 * Reflector.
 */
export function follow(options: FollowOptions): Follower {
  const { resource, timing, nowMs, random, signal } = options;
  const problems = new Problems(resource, nowMs, options.onProblem);
  const onMalformed = (reason: string) => {
    errors++;
    problems.malformed(reason);
  };
  const objects = new ObjectSet(resource, onMalformed);
  /** Where to watch from; undefined: list first. */
  let version: string | undefined;
  /** Requests in a row that did not go well. */
  let failures = 0;
  let errors = 0;
  let isListed = false;
  let isWatching = false;
  /** A problem that was told is over; that is told when the server said something, which may be "410, list again". */
  let isRecovering = false;
  let contactMs = nowMs();
  let mayWatch = true;
  let listedMs = 0;

  function tellRecovery(): void {
    if (!isRecovering) return;
    isRecovering = false;
    options.onSynced();
  }

  async function listOnce(): Promise<ApiError | undefined> {
    try {
      version = await list(options, objects);
    } catch (error) {
      const failure = asApiError(error);
      failures++;
      errors++;
      // A list may take longer than its continue token lives; once is no reason to worry anybody.
      if (!isExpired(failure) || failures > 1) problems.failed('list', failure.message, failure.status);
      return failure;
    }
    if (version === undefined) return undefined;
    listedMs = nowMs();
    if (mayWatch) contactMs = listedMs;
    if ((mayWatch && problems.worked()) || !isListed) isRecovering = true;
    isListed = true;
    tellRecovery();
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
          isWatching = true;
          mayWatch = true;
          if (problems.worked()) isRecovering = true;
        },
        onLine: () => {
          lines++;
          tellRecovery();
        },
        onVersion: (next) => {
          version = next;
        },
        onTooLong: () => onMalformed('a line of the watch is longer than any object'),
      });
    } catch (error) {
      failure = asApiError(error);
    }
    isWatching = false;
    if (acceptedMs !== undefined) contactMs = nowMs();
    const wentWell = acceptedMs !== undefined && (lines > 0 || nowMs() - acceptedMs >= timing.goodWatchMs);
    failures = wentWell ? 0 : failures + 1;
    if (!failure) return undefined;
    if (isExpired(failure)) {
      version = undefined;
      return failure;
    }
    if (failure.status === 403) {
      mayWatch = false;
      if (nowMs() - listedMs >= timing.relistMs) version = undefined;
    }
    errors++;
    // A watch that was accepted and broke is simply taken up again; if it goes on like that it is said.
    const isBreak = acceptedMs !== undefined && failure.status === undefined && failures <= 1;
    if (!isBreak) problems.failed('watch', failure.message, failure.status);
    return failure;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const isList = version === undefined;
      const failure = version === undefined ? await listOnce() : await watchOnce(version);
      // After a list that worked the watch begins at once.
      if (!isList || failure) await sleep(waitAfter(failure), signal);
    }
  }

  function waitAfter(failure: ApiError | undefined): number {
    if (failure?.status === 403) return spread(timing.deniedMs, random);
    return Math.max(failure?.retryAfterMs ?? 0, backoffMs(timing, failures, random));
  }

  return {
    synced: () => isListed && (isWatching || nowMs() - contactMs < timing.staleMs),
    errors: () => errors,
    ended: run(),
  };
}
