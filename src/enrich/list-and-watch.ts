import { type ApiGet, call } from './api-call.ts';
import { ApiError } from './api-error.ts';
import { ObjectError } from './fields.ts';
import type { FollowTiming } from './follow-timing.ts';
import { LineSplitter, TOO_LONG } from './line-splitter.ts';
import type { ObjectSet } from './object-set.ts';
import type { Resource } from './resources.ts';

/** As client-go lists: a page is some megabytes at most, and both sides can take a breath in between. */
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
  const seen = new Set<string>();
  let token: string | undefined;
  for (;;) {
    const query = {
      ...source.resource.selector,
      limit: String(PAGE_OBJECTS),
      ...(token !== undefined && { continue: token }),
    };
    const text = await readAll(source, query);
    if (source.signal.aborted) return undefined;
    const page = addPage(objects, text, seen);
    token = page.continueToken;
    if (token !== undefined) continue;
    if (page.version === undefined) throw new ApiError('the list has no resourceVersion');
    objects.removeOthers(seen);
    return page.version;
  }
}

async function readAll(source: Source, query: Readonly<Record<string, string>>): Promise<string> {
  const { resource, get, timing, signal } = source;
  const chunks: Uint8Array[] = [];
  const { answerMs } = timing;
  for await (const chunk of call({
    get,
    path: resource.path,
    query,
    signal,
    answerMs,
    silenceMs: answerMs,
  })) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function addPage(objects: ObjectSet, text: string, seen: Set<string>) {
  try {
    return objects.addPage(JSON.parse(text), seen);
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
  }
}
