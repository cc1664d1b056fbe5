import type { ServerResponse } from 'node:http';
import { type ApiEvent, eventFor, KINDS, type KindName, statusObject } from './api-objects.ts';
import type { ObjectStore } from './object-store.ts';

interface WatchRequest {
  readonly kind: KindName;
  readonly query: URLSearchParams;
  readonly response: ServerResponse;
}

interface Watcher {
  readonly request: WatchRequest;
  /** What is not written yet goes through here, so that slow writes keep their order. */
  tail: Promise<void>;
}

/** The open watches of an API server. */
export class ApiWatches {
  /** Watches write this many bytes at a time; undefined: whole lines. */
  chunkBytes: number | undefined;
  readonly #store: ObjectStore;
  readonly #watchers = new Set<Watcher>();

  constructor(store: ObjectStore) {
    this.#store = store;
    store.onEvent = (kind, event) => {
      for (const watcher of this.#of(kind)) this.#sendEvent(watcher, event);
    };
  }

  get size(): number {
    return this.#watchers.size;
  }

  open(request: WatchRequest): void {
    const { kind, query, response } = request;
    const from = Number(query.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < this.#store.oldest) {
      const message = `too old resource version: ${from} (${this.#store.oldest})`;
      const error = statusObject(410, 'Expired', message);
      response.end(`${JSON.stringify({ type: 'ERROR', object: error })}\n`);
      return;
    }
    const watcher: Watcher = { request, tail: Promise.resolve() };
    this.#watchers.add(watcher);
    const timer = setTimeout(() => response.end(), Number(query.get('timeoutSeconds')) * 1000);
    response.once('close', () => {
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    });
    for (const event of this.#store.since(kind, from)) this.#sendEvent(watcher, event);
  }

  bookmark(): void {
    const metadata = { resourceVersion: String(this.#store.version), creationTimestamp: null };
    for (const watcher of this.#watchers) {
      if (watcher.request.query.get('allowWatchBookmarks') !== 'true') continue;
      const { kind, apiVersion } = KINDS[watcher.request.kind];
      this.#send(watcher, { type: 'BOOKMARK', object: { kind, apiVersion, metadata } });
    }
  }

  /** Writes into the watches of a kind whatever it is. */
  write(kind: KindName, text: string): void {
    for (const watcher of this.#of(kind)) this.#sendText(watcher, text);
  }

  /** Ends them in order, as at their timeout. */
  end(): void {
    for (const watcher of this.#watchers) void watcher.tail.then(() => watcher.request.response.end());
  }

  #of(kind: KindName): Watcher[] {
    return [...this.#watchers].filter(({ request }) => request.kind === kind);
  }

  #sendEvent(watcher: Watcher, event: ApiEvent): void {
    const seen = eventFor(watcher.request.query, event);
    if (seen) this.#send(watcher, seen);
  }

  #send(watcher: Watcher, line: object): void {
    this.#sendText(watcher, `${JSON.stringify(line)}\n`);
  }

  #sendText(watcher: Watcher, text: string): void {
    const bytes = Buffer.from(text);
    const { response } = watcher.request;
    const size = this.chunkBytes ?? bytes.length;
    watcher.tail = watcher.tail.then(async () => {
      for (let at = 0; at < bytes.length && !response.destroyed; at += size) {
        response.write(bytes.subarray(at, at + size));
        if (size < bytes.length) await new Promise((resolve) => setImmediate(resolve));
      }
    });
  }
}
