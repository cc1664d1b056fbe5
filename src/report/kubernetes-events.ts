import type { ApiRequest, ApiResult, SendRequest } from '../model/api-request.ts';
import type { NamedPickup } from '../model/named-finding.ts';
import { EventSeries, type Series } from './event-series.ts';
import { meaningOf, type NoAnswer } from './kubernetes-event-answer.ts';
import { createKubernetesEventLog } from './kubernetes-event-log.ts';
import { createRequest, podOf, updateRequest } from './kubernetes-event-object.ts';
import type { Log } from './log.ts';
import type { KubernetesEventResult } from './metric-table.ts';
import { createRequestPace } from './request-pace.ts';
import { type After, sendWithin } from './send-within.ts';
import { SeriesQueue } from './series-queue.ts';

/**
 * At most 25 requests at once and 12 a minute after that, one at a time: the burst is that of client-go's spam filter
 * (tools/record, defaultSpamBurst); all pods of a full node (110) get theirs within 7 minutes.
 */
const PACE = { burst: 25, intervalMs: 5000, backoffMinMs: 1000, backoffMaxMs: 30_000 };
/** A series is told again at most this often, with the count it has by then. */
const UPDATE_MS = 10_000;
const ANSWER_MS = 10_000;
/** The wait when we may not: somebody has to change the RBAC rules first. */
const DENIED_MS = 60_000;
const STOP_MS = 1000;

export interface KubernetesEventsOptions {
  readonly send: SendRequest;
  /** Milliseconds that only go forward. */
  readonly nowMs: () => number;
  readonly after: After;
  readonly node: string;
  readonly log: Log;
  /** The sentence for a broken connection. */
  readonly note: (pickup: NamedPickup) => string;
  /** From 0 to less than 1; Math.random unless given. */
  readonly random?: () => number;
}

export interface KubernetesEvents {
  /** Takes notice of a pickup; if it is a broken connection of a pod, its Event follows. O(1), sends nothing itself. */
  add(pickup: NamedPickup): void;
  /** Since the start: requests, and for `held_back` broken connections; only ever grow. */
  counts(): Readonly<Record<KubernetesEventResult, number>>;
  /** Tells what is still to be told, as far as it goes within a second, and ends. */
  stop(): Promise<void>;
}

/**
 * Kubernetes Events on the pods whose connections broke. A break like an earlier one is counted in the series of the
 * same Event, as client-go's recorder does (tools/events/event_broadcaster.go):
 *
 *     first break ──POST──▶ Event ◀──PATCH of its series, at most every 10 s── further breaks, until 6 minutes without
 *
 * Nothing here holds up who adds: series wait for their turn, are bounded in number, and are given up after a while.
 */
export function createKubernetesEvents(options: KubernetesEventsOptions): KubernetesEvents {
  const { send, nowMs, after, node, note, random = Math.random } = options;
  const series = new EventSeries();
  const waiting = new SeriesQueue(giveUp);
  const pace = createRequestPace(PACE, random);
  const trouble = createKubernetesEventLog(options.log);
  const counts: Record<KubernetesEventResult, number> = { created: 0, updated: 0, failed: 0, held_back: 0 };
  const abort = new AbortController();
  let timer: { readonly atMs: number; readonly clear: () => void } | undefined;
  let isSending = false;
  /** Set by `stop`, called when nothing more can be sent. */
  let onEnd: (() => void) | undefined;

  function wake(atMs: number): void {
    if (isSending || (timer && timer.atMs <= atMs)) return;
    timer?.clear();
    timer = { atMs, clear: after(Math.max(0, atMs - nowMs()), sendNext) };
  }

  function giveUp(one: Series): void {
    series.forget(one);
    counts.held_back += one.count - one.told;
  }

  function sendNext(): void {
    timer = undefined;
    const atMs = nowMs();
    const { series: next, dueMs } = waiting.next(atMs, onEnd !== undefined);
    const maySend = pace.readyAtMs() <= atMs && !abort.signal.aborted;
    if (next && maySend) void deliver(next, atMs);
    else if (onEnd) onEnd();
    else if (waiting.size > 0) wake(Math.max(dueMs, pace.readyAtMs()));
  }

  async function deliver(one: Series, atMs: number): Promise<void> {
    isSending = true;
    waiting.take(one);
    pace.take(atMs);
    const { subject, count } = one;
    const request = one.isCreated ? updateRequest(subject, one) : createRequest(subject, one, node);
    const answer = await sendWithin(request, { send, after, ms: ANSWER_MS, signal: abort.signal });
    isSending = false;
    if (!abort.signal.aborted) settle(one, request.method, count, answer);
    sendNext();
  }

  function settle(
    one: Series,
    method: ApiRequest['method'],
    count: number,
    answer: ApiResult | NoAnswer,
  ): void {
    const atMs = nowMs();
    const meaning = meaningOf(method, answer);
    one.state = 'idle';
    switch (meaning) {
      case 'done':
      case 'exists':
        pace.worked();
        trouble.worked();
        counts[method === 'POST' ? 'created' : 'updated']++;
        one.isCreated = true;
        // How much an earlier try told is not known, but one break at least.
        one.told = meaning === 'exists' ? 1 : count;
        one.dueMs = atMs + UPDATE_MS;
        if (one.count > one.told) waiting.put(one, atMs);
        return;
      case 'gone':
        pace.worked();
        one.isCreated = false;
        waiting.put(one, one.waitingSinceMs);
        return;
      case 'refused':
        pace.worked();
        counts.failed++;
        trouble.failed(meaning, method, answer, atMs);
        giveUp(one);
        return;
      case 'denied':
      case 'later':
        counts.failed++;
        trouble.failed(meaning, method, answer, atMs);
        pace.failed(atMs, meaning === 'denied' ? DENIED_MS : retryAfter(answer));
        waiting.put(one, one.waitingSinceMs);
    }
  }

  return {
    add(pickup) {
      const pod = pickup.broken && !onEnd ? podOf(pickup.client) : undefined;
      if (!pod) return;
      const atMs = nowMs();
      const one = series.add(pod, pickup, atMs, () => note(pickup));
      if (!one) counts.held_back++;
      else if (one.state === 'idle') {
        waiting.put(one, atMs);
        wake(Math.max(one.dueMs, pace.readyAtMs()));
      }
    },
    counts: () => counts,
    async stop() {
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      onEnd = resolve;
      timer?.clear();
      const clear = after(STOP_MS, () => abort.abort());
      if (!isSending) sendNext();
      await ended;
      clear();
    },
  };
}

function retryAfter(answer: ApiResult | NoAnswer): number | undefined {
  return answer.status === undefined ? undefined : answer.retryAfterMs;
}
