import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import {
  type ApiEvent,
  type ApiObject,
  eventFor,
  isSelected,
  KINDS,
  type KindName,
  statusObject,
} from './api-objects.ts';
import { type Certificates, makeCertificates } from './certificates.ts';

/** What was asked of the server. */
export interface ApiRequest {
  readonly kind: KindName;
  readonly verb: 'list' | 'watch';
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly response: ServerResponse;
}

interface Watcher {
  readonly request: ApiRequest;
  /** What is not written yet goes through here, so that slow writes keep their order. */
  tail: Promise<void>;
}

/**
 * An API server as far as a reflector sees one: lists with pages, watches with history, bookmarks and expiry, tokens,
 * RBAC; over HTTPS on 127.0.0.1. Objects are kept as they are put.
 */
export class ApiServer {
  readonly certificates: Certificates;
  /** Every request, also those refused. */
  readonly requests: ApiRequest[] = [];
  /** Bearer tokens that are accepted. */
  readonly tokens = new Set(['secret']);
  /** `list services`, `watch pods`: not allowed. */
  readonly denied = new Set<string>();
  /** Watches write this many bytes at a time; undefined: whole lines. */
  chunkBytes: number | undefined;
  /** Looks at each request first; true: it was answered (or is left without an answer). */
  intercept: (request: ApiRequest) => boolean = () => false;
  readonly #objects = new Map<KindName, Map<string, ApiObject>>();
  readonly #history = new Map<KindName, ApiEvent[]>();
  readonly #pages = new Map<string, { readonly items: ApiObject[]; readonly version: number }>();
  readonly #watchers = new Set<Watcher>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #version: number;
  #oldest = 0;

  constructor(certificates = makeCertificates(), version = 1) {
    this.certificates = certificates;
    this.#version = version;
    for (const kind of Object.keys(KINDS) as KindName[]) {
      this.#objects.set(kind, new Map());
      this.#history.set(kind, []);
    }
  }

  /** Begins to listen; again at the same port after `stop`. */
  async start(port = this.#port): Promise<void> {
    const { cert, key } = this.certificates;
    const server = createServer({ cert, key }, (request, response) => this.#answer(request, response));
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** As when its process is killed; objects stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    this.dropConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  get watches(): number {
    return this.#watchers.size;
  }

  /** Puts the items of a recorded list. */
  load(kind: KindName, list: { readonly items: readonly ApiObject[] }): void {
    for (const item of list.items) this.put(kind, item);
  }

  /** Adds or replaces an object under a new version. */
  put(kind: KindName, object: ApiObject): void {
    const key = keyOf(object);
    const version = ++this.#version;
    const { kind: kindName, apiVersion } = KINDS[kind];
    const stored = {
      kind: kindName,
      apiVersion,
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(version) },
    };
    const before = this.#objects.get(kind)!.get(key);
    this.#objects.get(kind)!.set(key, stored);
    this.#publish(kind, { type: before ? 'MODIFIED' : 'ADDED', object: stored, before, version });
  }

  remove(kind: KindName, namespace: string, name: string): void {
    const key = keyOf({ metadata: { namespace, name } });
    const before = this.#objects.get(kind)!.get(key);
    if (!before) throw new Error(`there is no ${kind} ${namespace}/${name}`);
    this.#objects.get(kind)!.delete(key);
    const version = ++this.#version;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
    this.#publish(kind, { type: 'DELETED', object, before, version });
  }

  /** A recorded watch event happens. */
  replay(kind: KindName, event: { readonly type: string; readonly object: ApiObject }): void {
    if (event.type === 'BOOKMARK') this.bookmark();
    else if (event.type !== 'DELETED') this.put(kind, event.object);
    else this.remove(kind, event.object.metadata.namespace, event.object.metadata.name);
  }

  bookmark(): void {
    const metadata = { resourceVersion: String(this.#version), creationTimestamp: null };
    for (const watcher of this.#watchers) {
      if (watcher.request.query.get('allowWatchBookmarks') !== 'true') continue;
      const { kind, apiVersion } = KINDS[watcher.request.kind];
      this.#send(
        watcher,
        `${JSON.stringify({ type: 'BOOKMARK', object: { kind, apiVersion, metadata } })}\n`,
      );
    }
  }

  /** Writes into the open watches of a kind whatever it is. */
  write(kind: KindName, text: string): void {
    for (const watcher of this.#watchers) if (watcher.request.kind === kind) this.#send(watcher, text);
  }

  /** Forgets what happened until now: who watches from before gets 410, and so do tokens of half-read lists. */
  compact(): void {
    this.#oldest = this.#version;
    for (const events of this.#history.values()) events.length = 0;
    this.#pages.clear();
  }

  /** Ends watches in order, as at their timeout. */
  endWatches(): void {
    for (const watcher of this.#watchers) void watcher.tail.then(() => watcher.request.response.end());
  }

  /** Connections break in the middle. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #publish(kind: KindName, event: ApiEvent): void {
    this.#history.get(kind)!.push(event);
    for (const watcher of this.#watchers) if (watcher.request.kind === kind) this.#sendEvent(watcher, event);
  }

  #sendEvent(watcher: Watcher, event: ApiEvent): void {
    const seen = eventFor(watcher.request.query, event);
    if (seen) this.#send(watcher, `${JSON.stringify(seen)}\n`);
  }

  #send(watcher: Watcher, text: string): void {
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

  #answer(message: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(message.url!, this.url);
    const kind = (Object.keys(KINDS) as KindName[]).find((name) => KINDS[name].path === pathname);
    if (message.method !== 'GET' || !kind) {
      refuse(response, 404, 'NotFound', `no ${pathname} here`);
      return;
    }
    const verb = query.get('watch') === 'true' ? 'watch' : 'list';
    const { authorization } = message.headers;
    const request: ApiRequest = { kind, verb, query, authorization, response };
    this.requests.push(request);
    if (this.intercept(request)) return;
    if (!this.tokens.has(authorization?.replace(/^Bearer /, '') ?? '')) {
      refuse(response, 401, 'Unauthorized', 'Unauthorized');
      return;
    }
    if (this.denied.has(`${verb} ${kind}`)) {
      const who = 'User "system:serviceaccount:kube-system:watchdog"';
      refuse(response, 403, 'Forbidden', `${kind} is forbidden: ${who} cannot ${verb} resource "${kind}"`);
      return;
    }
    if (verb === 'watch') this.#watch(request);
    else this.#list(request);
  }

  #list({ kind, query, response }: ApiRequest): void {
    const token = query.get('continue');
    const begun = token === null ? undefined : this.#pages.get(token);
    if (token !== null && !begun) {
      refuse(response, 410, 'Expired', 'The provided continue parameter is too old');
      return;
    }
    const { items, version } = begun ?? {
      items: [...this.#objects.get(kind)!.values()].filter((object) => isSelected(query, object)),
      version: this.#version,
    };
    const limit = Number(query.get('limit') ?? 0) || items.length;
    const rest = items.slice(limit);
    const metadata: Record<string, unknown> = { resourceVersion: String(version) };
    if (rest.length > 0) {
      const next = Buffer.from(`${kind} ${version} ${rest.length} ${this.requests.length}`).toString(
        'base64url',
      );
      this.#pages.set(next, { items: rest, version });
      Object.assign(metadata, { continue: next, remainingItemCount: rest.length });
    }
    const { kind: kindName, apiVersion } = KINDS[kind];
    // The items of a typed list do not say their kind.
    const page = items.slice(0, limit).map(({ kind: _kind, apiVersion: _version, ...item }) => item);
    json(response, 200, { kind: `${kindName}List`, apiVersion, metadata, items: page });
  }

  #watch(request: ApiRequest): void {
    const { kind, query, response } = request;
    const from = Number(query.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watcher: Watcher = { request, tail: Promise.resolve() };
    if (from < this.#oldest) {
      const error = statusObject(410, 'Expired', `too old resource version: ${from} (${this.#oldest})`);
      response.end(`${JSON.stringify({ type: 'ERROR', object: error })}\n`);
      return;
    }
    this.#watchers.add(watcher);
    const timer = setTimeout(() => response.end(), Number(query.get('timeoutSeconds')) * 1000);
    response.once('close', () => {
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    });
    for (const event of this.#history.get(kind)!) if (event.version > from) this.#sendEvent(watcher, event);
  }
}

/** Answers with a metav1.Status. */
export function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  json(response, code, statusObject(code, reason, message));
}

function json(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, STATUS_CODES[code], { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function keyOf({ metadata: { namespace, name } }: Pick<ApiObject, 'metadata'>): string {
  return `${namespace}/${name}`;
}
