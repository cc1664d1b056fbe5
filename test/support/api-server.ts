import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { ApiAccess, isAllowed, review, type User } from './api-access.ts';
import { ApiLists } from './api-lists.ts';
import {
  type ApiObject,
  type ApiPath,
  groupOf,
  KINDS,
  type KindName,
  parsePath,
  qualifiedName,
} from './api-objects.ts';
import { type ApiReply, Refusal, reply } from './api-reply.ts';
import { ApiWatches } from './api-watches.ts';
import { write } from './api-writes.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { EventStore } from './event-store.ts';
import { ObjectStore } from './object-store.ts';
import { TlsListener } from './tls-listener.ts';

/** A list or a watch that was asked for. */
export interface ApiRequest {
  readonly kind: KindName;
  readonly verb: 'list' | 'watch';
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  /** The common name of the client's certificate, if our authority signed it. */
  readonly certificateName: string | undefined;
  readonly response: ServerResponse;
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/**
 * An API server as far as its clients here see one: lists with pages, watches with history, bookmarks and expiry, writes,
 * tokens, RBAC; over HTTPS on 127.0.0.1. There are no controllers beside it.
 */
export class ApiServer {
  readonly certificates: Certificates;
  /** Every list and watch that was asked for, also those refused. */
  readonly requests: ApiRequest[] = [];
  /** `list services`, `watch pods`: not allowed, to anybody. */
  readonly denied = new Set<string>();
  /** What is posted to events.k8s.io/v1. */
  readonly events = new EventStore();
  /** Looks at each list and watch first; true: it was answered (or is left without an answer). */
  intercept: (request: ApiRequest) => boolean = () => false;
  readonly #store: ObjectStore;
  readonly #access: ApiAccess;
  readonly #lists: ApiLists;
  readonly #watches: ApiWatches;
  readonly #listener: TlsListener;

  constructor(certificates = makeCertificates(), version = 1) {
    this.certificates = certificates;
    this.#store = new ObjectStore(version);
    this.#access = new ApiAccess(this.#store);
    this.#lists = new ApiLists(this.#store);
    this.#watches = new ApiWatches(this.#store);
    this.#listener = new TlsListener(
      certificates,
      (request, response) => void this.#answer(request, response),
    );
  }

  /** Begins to listen; again at the same port after `stop`. */
  start(port = this.port, host = '127.0.0.1'): Promise<void> {
    return this.#listener.start(port, host);
  }

  /** As when its process is killed; objects stay. */
  stop(): Promise<void> {
    return this.#listener.stop();
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#listener.port;
  }

  /** How many are open. */
  get watches(): number {
    return this.#watches.size;
  }

  /** Bearer tokens that are accepted. */
  get tokens(): Set<string> {
    return this.#access.tokens;
  }

  /** Common names of client certificates that are accepted. */
  get certificateNames(): Set<string> {
    return this.#access.certificateNames;
  }

  /** Watches write this many bytes at a time; undefined: whole lines. */
  set chunkBytes(bytes: number | undefined) {
    this.#watches.chunkBytes = bytes;
  }

  /** Puts the items of a recorded list. */
  load(kind: KindName, list: { readonly items: readonly ApiObject[] }): void {
    for (const item of list.items) this.put(kind, item);
  }

  /** Adds or replaces an object under a new version, as it is. */
  put(kind: KindName, object: ApiObject): void {
    this.#store.put(kind, object);
  }

  /** `services shop/web`, and so on: all there is. */
  names(): string[] {
    const kinds = Object.keys(KINDS) as KindName[];
    return kinds.flatMap((kind) =>
      this.#store.all(kind).map(({ metadata: { namespace = '', name } }) => `${kind} ${namespace}/${name}`),
    );
  }

  remove(kind: KindName, namespace: string, name: string): void {
    this.#store.remove(kind, namespace, name);
  }

  /** A recorded watch event happens. */
  replay(kind: KindName, { type, object }: { readonly type: string; readonly object: ApiObject }): void {
    if (type === 'BOOKMARK') this.bookmark();
    else if (type !== 'DELETED') this.put(kind, object);
    else this.#store.remove(kind, object.metadata.namespace, object.metadata.name);
  }

  bookmark(): void {
    this.#watches.bookmark();
  }

  /** Writes into the open watches of a kind whatever it is. */
  write(kind: KindName, line: string): void {
    this.#watches.write(kind, line);
  }

  /** Forgets what happened until now: who watches from before gets 410, and so do tokens of half-read lists. */
  compact(): void {
    this.#store.compact();
    this.#lists.expire();
  }

  /** Ends watches in order, as at their timeout. */
  endWatches(): void {
    this.#watches.end();
  }

  /** Connections break in the middle. */
  dropConnections(): void {
    this.#listener.dropConnections();
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(message.url!, this.url);
    if (EventStore.serves(pathname)) {
      void this.events.answer(message, response, this);
      return;
    }
    const path = parsePath(pathname);
    const isRead = message.method === 'GET' && path !== undefined && path.name === undefined;
    try {
      if (isRead) this.#read(message, path, query, response);
      else reply(response, await this.#replyTo(message, path, pathname, query));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      reply(response, error.reply);
    }
  }

  #read(message: IncomingMessage, path: ApiPath, query: URLSearchParams, response: ServerResponse): void {
    const { kind, namespace } = path;
    const verb = query.get('watch') === 'true' ? 'watch' : 'list';
    const { authorization } = message.headers;
    const certificateName = certificateNameOf(message);
    const request: ApiRequest = { kind, verb, query, authorization, certificateName, response };
    this.requests.push(request);
    if (this.intercept(request)) return;
    this.#allow(this.#identify(message), verb, path);
    if (verb === 'watch') this.#watches.open({ kind, query, response });
    else reply(response, { code: 200, body: this.#lists.page(kind, namespace, query) });
  }

  async #replyTo(
    message: IncomingMessage,
    path: ApiPath | undefined,
    pathname: string,
    query: URLSearchParams,
  ): Promise<ApiReply> {
    const body = parse(await text(message));
    const user = this.#identify(message);
    const reviewed = review(pathname, user, body, this.denied);
    if (reviewed) return reviewed;
    if (!path) throw new Refusal(404, 'NotFound', 'the server could not find the requested resource');
    const { method = '', headers } = message;
    const verb = VERBS[method];
    this.#allow(user, verb ?? 'get', path);
    if (verb && path.subresource !== 'token') {
      return write(this.#store, { ...path, method, query, contentType: headers['content-type'], body });
    }
    const found = this.#store.existing(path);
    return verb ? this.#access.issue(path, found) : { code: 200, body: found };
  }

  #identify(message: IncomingMessage): User {
    const user = this.#access.identify(message.headers.authorization, certificateNameOf(message));
    if (!user) throw new Refusal(401, 'Unauthorized', 'Unauthorized');
    return user;
  }

  #allow(user: User, verb: string, path: ApiPath): void {
    const { kind, namespace, subresource } = path;
    const resource = [kind, subresource].filter(Boolean).join('/');
    const group = groupOf(kind);
    if (!this.denied.has(`${verb} ${kind}`) && isAllowed(user, { verb, group, resource })) return;
    const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
    const what = `cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
    const message = `${qualifiedName(kind)} is forbidden: User "${user.name}" ${what}`;
    throw new Refusal(403, 'Forbidden', message);
  }
}

/** Undefined without one that our authority signed. */
function certificateNameOf({ socket }: IncomingMessage): string | undefined {
  const { authorized, getPeerCertificate } = socket as TLSSocket;
  const name = authorized ? getPeerCertificate.call(socket).subject.CN : undefined;
  return typeof name === 'string' ? name : undefined;
}

function parse(body: string): ApiObject | undefined {
  try {
    return JSON.parse(body) as ApiObject;
  } catch {
    return undefined;
  }
}
