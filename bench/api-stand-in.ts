/**
 * Lists and watches of a large cluster over HTTPS, as a process of its own, so that its work and memory are not in
 * anybody's figures: paged lists, watches with history and bookmarks. Counts what went into its sockets, TLS included.
 * bench/stand-in.ts starts it and talks to it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { PROXIED } from '../src/enrich/resources.ts';
import {
  bookmark,
  type Change,
  ChangingCluster,
  type ClusterSize,
  type Kind,
  NODE,
} from './changing-cluster.ts';

export type StandInRequest =
  | { readonly ask: 'start'; readonly size: ClusterSize; readonly cert: string; readonly key: string }
  /** So many changes, evenly over the time. */
  | { readonly ask: 'change'; readonly changes: number; readonly perSecond: number }
  | { readonly ask: 'traffic' };

/** What was sent of one kind since the start. */
export interface Traffic {
  readonly lists: number;
  readonly listBytes: number;
  readonly objects: number;
  readonly events: number;
  /** Of events and bookmarks; what opened the watch is in it. */
  readonly watchBytes: number;
}

export type StandInAnswer =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'changed' }
  | {
      readonly kind: 'traffic';
      readonly of: Readonly<Record<Kind, Traffic>>;
      /** From the first byte of the first list asked to the last of the last one answered. */
      readonly listMs: number;
      /** Open ones; three when an agent has all it asks for. */
      readonly watches: number;
    };

const PATHS: Readonly<Record<string, Kind>> = {
  '/api/v1/services': 'services',
  '/apis/discovery.k8s.io/v1/endpointslices': 'endpointslices',
  '/api/v1/pods': 'pods',
};
const LISTS: Readonly<Record<Kind, string>> = {
  services: '"kind":"ServiceList","apiVersion":"v1"',
  endpointslices: '"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1"',
  pods: '"kind":"PodList","apiVersion":"v1"',
};
const SELECTORS: Readonly<Record<Kind, readonly [parameter: string, value: string]>> = {
  services: ['labelSelector', PROXIED],
  endpointslices: ['labelSelector', PROXIED],
  pods: ['fieldSelector', `spec.nodeName=${NODE}`],
};
/** As kube-apiserver, storage/cacher/cacher.go: defaultBookmarkFrequency. */
const BOOKMARK_MS = 60_000;
/** As kube-apiserver --min-request-timeout. */
const DEFAULT_WATCH_SECONDS = 1800;
/** Changes come together at these steps, as they do in life; a timer for each would be late. */
const STEP_MS = 100;

interface Watcher {
  readonly kind: Kind;
  readonly response: ServerResponse;
}

type Counts = { -readonly [name in keyof Traffic]: number };
const none = (): Counts => ({
  lists: 0,
  listBytes: 0,
  objects: 0,
  events: 0,
  watchBytes: 0,
});

function serve({ size, cert, key }: Extract<StandInRequest, { ask: 'start' }>) {
  const cluster = new ChangingCluster(size);
  const history: Change[] = [];
  const counts: Record<Kind, Counts> = { services: none(), endpointslices: none(), pods: none() };
  const watchers = new Set<Watcher>();
  /** Sockets by the port at their other end: that of TLS has no count of what it sent. */
  const sockets = new Map<number, { readonly socket: Socket; counted: number }>();
  let firstListAt = 0;
  let lastListAt = 0;

  /** What a socket sent since it was last looked at. */
  function sent(port: number): number {
    const entry = sockets.get(port);
    if (!entry) return 0;
    const bytes = entry.socket.bytesWritten - entry.counted;
    entry.counted = entry.socket.bytesWritten;
    return bytes;
  }

  /** As from the API server's cache, which gives no pages. */
  function list(kind: Kind, query: URLSearchParams, response: ServerResponse, port: number): void {
    firstListAt ||= performance.now();
    const from = Number(query.get('continue') ?? 0);
    const texts = cluster.list(kind);
    const limit = query.get('resourceVersion') === '0' ? 0 : Number(query.get('limit') ?? 0);
    const end = Math.min(texts.length, from + (limit || texts.length));
    const more = end < texts.length ? `,"continue":"${end}","remainingItemCount":${texts.length - end}` : '';
    response.once('close', () => {
      lastListAt = performance.now();
      counts[kind].lists++;
      counts[kind].objects += end - from;
      counts[kind].listBytes += sent(port);
    });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(`{${LISTS[kind]},"metadata":{"resourceVersion":"${cluster.version}"${more}},"items":[`);
    response.end(`${texts.slice(from, end).join(',')}]}\n`);
  }

  function watch(kind: Kind, query: URLSearchParams, response: ServerResponse, port: number): void {
    const watcher = { kind, response };
    watchers.add(watcher);
    const lastsSeconds = Number(query.get('timeoutSeconds') ?? DEFAULT_WATCH_SECONDS);
    const end = setTimeout(() => response.end(), lastsSeconds * 1000);
    const bookmarks = setInterval(
      () => send(watcher, 'BOOKMARK', bookmark(kind, cluster.version)),
      BOOKMARK_MS,
    );
    response.once('close', () => {
      clearTimeout(end);
      clearInterval(bookmarks);
      watchers.delete(watcher);
      counts[kind].watchBytes += sent(port);
    });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const since = Number(query.get('resourceVersion'));
    for (const change of history) if (change.version > since) tell(watcher, change);
  }

  function tell(watcher: Watcher, { kind, type, object }: Change): void {
    if (watcher.kind === kind) send(watcher, type, object);
  }

  function send({ kind, response }: Watcher, type: string, object: string): void {
    counts[kind].events++;
    response.write(`{"type":"${type}","object":${object}}\n`);
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(request.url!, 'https://stand-in');
    const kind = PATHS[pathname];
    const port = request.socket.remotePort!;
    const [parameter, value] = kind === undefined ? [] : SELECTORS[kind];
    // What others ask for has other figures.
    if (kind === undefined || query.get(parameter!) !== value) refuse(response, `not played: ${request.url}`);
    else if (query.get('watch') === 'true') watch(kind, query, response, port);
    else list(kind, query, response, port);
  }

  const server = createServer({ cert, key }, answer);
  server.on('connection', (socket: Socket) => {
    const port = socket.remotePort!;
    sockets.set(port, { socket, counted: 0 });
  });
  server.listen(0, '127.0.0.1', () => tellParent({ kind: 'listening', port: portOf(server.address()) }));

  return {
    async change(changes: number, perSecond: number): Promise<void> {
      const begin = performance.now();
      for (let made = 0; made < changes; ) {
        const due = Math.min(changes, Math.round(((performance.now() - begin) / 1000) * perSecond));
        for (; made < due; made++) {
          const change = cluster.change();
          history.push(change);
          for (const watcher of watchers) tell(watcher, change);
        }
        await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      }
      tellParent({ kind: 'changed' });
    },
    tellTraffic(): void {
      for (const { kind, response } of watchers)
        counts[kind].watchBytes += sent(response.req.socket.remotePort!);
      tellParent({ kind: 'traffic', of: counts, listMs: lastListAt - firstListAt, watches: watchers.size });
    },
  };
}

function refuse(response: ServerResponse, message: string): void {
  response.writeHead(400, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code: 400 }));
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('it does not listen on a port');
  return address.port;
}

function tellParent(answer: StandInAnswer): void {
  process.send?.(answer);
}

let serving: ReturnType<typeof serve> | undefined;
process.on('disconnect', () => process.exit(0));
process.on('message', (request: StandInRequest) => {
  if (request.ask === 'start') serving = serve(request);
  else if (request.ask === 'traffic') serving?.tellTraffic();
  else void serving?.change(request.changes, request.perSecond);
});
