import { type ApiGet, call } from './api-call.ts';
import { ApiError } from './api-error.ts';
import { ObjectError } from './fields.ts';
import type { FollowTiming } from './follow-timing.ts';
import { ItemSplitter } from './item-splitter.ts';
import { LineSplitter, TOO_LONG } from './line-splitter.ts';
import type { ObjectSet, Page } from './object-set.ts';
import type { Resource } from './resources.ts';
import { nextTurn } from './timers.ts';

/**
 * What the API server has in its cache, as kubelet and kube-proxy ask: without it, it would read etcd, and for the pods of
 * one node all pods there are. It may be some moments old, which the watch from its version makes up for.
 * Source: kube-apiserver, storage/cacher/delegator.go shouldDelegateList; client-go, tools/cache/reflector.go.
 */
const FROM_CACHE = '0';
/** A server without a cache gives pages; from the cache it gives all at once, which is read object by object. */
const PAGE_OBJECTS = 500;
/** etcd takes objects up to 1.5 MiB; JSON with escapes is larger. */
const MAX_LINE_BYTES = 8 * 2 ** 20;

export interface Source {
  readonly resource: Resource;
  readonly get: ApiGet;
  readonly timing: FollowTiming;
  readonly signal: AbortSignal;
}

/**
 * Lists all objects, page by page, into the set, and removes from it what is not there any more. Returns the resource
 * version to watch from; undefined if the signal was aborted meanwhile. Throws an ApiError; what was read until then
 * stays, nothing is removed.
 */
export async function list(source: Source, objects: ObjectSet): Promise<string | undefined> {
  let token: string | undefined;
  objects.beginList();
  for (;;) {
    const page = await listPage(source, objects, token);
    if (!page || source.signal.aborted) return undefined;
    token = page.continueToken;
    if (token !== undefined) continue;
    if (page.version === undefined) throw new ApiError('the list has no resourceVersion');
    objects.endList();
    return page.version;
  }
}

/** Undefined if the signal was aborted meanwhile. */
async function listPage(
  source: Source,
  objects: ObjectSet,
  token: string | undefined,
): Promise<Page | undefined> {
  const { resource, get, timing, signal } = source;
  const { answerMs } = timing;
  const query = {
    ...resource.selector,
    limit: String(PAGE_OBJECTS),
    ...(token === undefined ? { resourceVersion: FROM_CACHE } : { continue: token }),
  };
  const items = new ItemSplitter();
  const answer = call({ get, path: resource.path, query, signal, answerMs, silenceMs: answerMs });
  try {
    for await (const chunk of answer) {
      for (const item of items.push(chunk)) objects.addItem(item);
      // A server is faster than we are: what has come by then would be read in one turn, megabytes of it.
      await nextTurn();
    }
    return signal.aborted ? undefined : objects.endPage(items.rest());
  } catch (error) {
    if (!(error instanceof ObjectError || error instanceof SyntaxError)) throw error;
    throw new ApiError(`the answer is no list: ${error.message}`, { cause: error });
  }
}

export interface WatchProgress {
  readonly onAccepted: () => void;
  /** Called for each line. */
  readonly onLine: () => void;
  /** The resource version to watch from when this watch ends. */
  readonly onVersion: (version: string) => void;
  /** A line was longer than any object can be, and was passed over. */
  readonly onTooLong: () => void;
}

/**
 * Watches from a resource version until the server ends it in order, or the signal is aborted. Throws an ApiError.
 */
export async function watch(
  source: Source,
  objects: ObjectSet,
  from: string,
  lastsSeconds: number,
  progress: WatchProgress,
): Promise<void> {
  const { resource, get, timing, signal } = source;
  const query = {
    ...resource.selector,
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: from,
    timeoutSeconds: String(lastsSeconds),
  };
  const { answerMs, silenceMs } = timing;
  const { onAccepted } = progress;
  const lines = new LineSplitter(MAX_LINE_BYTES);
  for await (const chunk of call({
    get,
    path: resource.path,
    query,
    signal,
    answerMs,
    silenceMs,
    onAccepted,
  })) {
    for (const line of lines.push(chunk)) {
      if (signal.aborted) return;
      if (line === TOO_LONG) {
        progress.onTooLong();
        continue;
      }
      const version = objects.addEvent(line);
      if (version !== undefined) progress.onVersion(version);
      progress.onLine();
    }
    await nextTurn();
  }
}
