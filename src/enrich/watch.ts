import { KubeConfig, makeAbsolutePath } from '@kubernetes/client-node/dist/config.js';
import { load } from 'js-yaml';
import type { ApiRequest, ApiResult } from '../model/api-request.ts';
import type { ServicePort, Topology } from '../model/topology.ts';
import { type ApiCall, type ApiClient, type ApiGet, readResult } from './api-call.ts';
import { asApiError } from './api-error.ts';
import { ClusterTopology } from './cluster-topology.ts';
import { follow } from './follow.ts';
import { DEFAULT_TIMING, type FollowTiming } from './follow-timing.ts';
import { type IncomingMessage, type RequestOptions, sendHttp } from './http-request.ts';
import type { ClusterProblem } from './problems.ts';
import { type RESOURCES, type ResourceName, resourcesOf } from './resources.ts';

export interface ClusterWatchOptions {
  /** A file as kubectl reads it; undefined: the service account of the pod we run in. */
  readonly kubeconfig: string | undefined;
  /** Only this node's pods are watched. */
  readonly nodeName: string;
  /** Milliseconds that only go forward. */
  readonly nowMs: () => number;
  /** A resource is known completely: for the first time, or the server tells again after a problem. */
  readonly onSynced?: (resource: ResourceName) => void;
  /** Told when a problem begins or changes, not at each try. */
  readonly onProblem?: (problem: ClusterProblem) => void;
  /** A Service came, changed or went; called for each one. */
  readonly onServices?: () => void;
  readonly timing?: Partial<FollowTiming>;
  /** From 0 to less than 1; Math.random unless given. */
  readonly random?: () => number;
}

export interface ClusterWatch {
  /** What is known by now; asking it never waits for the server. */
  readonly topology: Topology;
  /** Every port of every Service. */
  services(): Iterable<ServicePort>;
  /** Whether each resource was listed and is still kept up to date: the server gave a sign in the last 2.5 minutes. */
  synced(): Readonly<Record<ResourceName, boolean>>;
  /** Failed requests, broken watches and objects that made no sense, so far. */
  errors(): Readonly<Record<ResourceName, number>>;
  /** One request beside the watches, with the same credentials. Rejects with an ApiError if there is no answer. */
  send(request: ApiRequest, signal: AbortSignal): Promise<ApiResult>;
  /** Ends all connections. What is known stays. */
  stop(): Promise<void>;
}

/** As client-go does with tokens in files: transport/token_source.go. */
const RELOAD_MS = 60_000;
const HEADERS = { accept: 'application/json', 'user-agent': 'conntrack-watchdog' };

/** How to reach the API server cannot be found out. One line. */
export class ClusterConfigError extends Error {
  override readonly name = 'ClusterConfigError';
}

/**
 * Watches the Services and EndpointSlices of the cluster and the pods of one node. Throws a ClusterConfigError; whatever
 * the server does later, it neither throws nor ends.
 */
export function watchCluster(options: ClusterWatchOptions): ClusterWatch {
  const { nodeName, nowMs, random = Math.random } = options;
  const topology = new ClusterTopology(nodeName, nowMs);
  const client = createClient(options.kubeconfig, nowMs);
  const get: ApiGet = (path, query, signal) =>
    client({ method: 'GET', path: `${path}?${new URLSearchParams(query)}` }, signal);
  const stop = new AbortController();
  const followers = resourcesOf(topology, nodeName, () => options.onServices?.()).map((resource) => {
    const follower = follow({
      resource,
      get,
      nowMs,
      random,
      timing: { ...DEFAULT_TIMING, ...options.timing },
      signal: stop.signal,
      onSynced: () => options.onSynced?.(resource.name),
      onProblem: (problem) => options.onProblem?.(problem),
    });
    return { name: resource.name, ...follower };
  });
  const each = <T>(read: (follower: (typeof followers)[number]) => T) =>
    Object.fromEntries(followers.map((follower) => [follower.name, read(follower)])) as Record<
      (typeof RESOURCES)[number],
      T
    >;
  return {
    topology,
    services: () => topology.services(),
    synced: () => each((follower) => follower.synced()),
    errors: () => each((follower) => follower.errors()),
    async send({ contentType, ...request }, signal) {
      const either = AbortSignal.any([signal, stop.signal]);
      try {
        const headers = { 'content-type': contentType };
        return await readResult(await client({ ...request, headers }, either));
      } catch (error) {
        throw asApiError(error);
      }
    },
    async stop() {
      stop.abort();
      await Promise.all(followers.map(({ ended }) => ended));
    },
  };
}

/**
 * Requests with the credentials that the kubeconfig or the service account has at that moment: certificates are read
 * from their files each time, tokens are at most a minute old, and after a 401 everything is read anew; what is another by
 * then is asked with once more at once. Not the client's Watch class: it ends a quiet watch after 30 s, passes over lines it
 * cannot parse without a word, and does not tell what the server said with its refusal. Nor its HTTP client, undici, which
 * takes 10 MB where Node's own takes none.
 * Throws a ClusterConfigError.
 */
export function createClient(path: string | undefined, nowMs: () => number): ApiClient {
  let config = loadConfig(path);
  let loadedAtMs = nowMs();
  const reload = () => {
    loadedAtMs = nowMs();
    config = reloadConfig(path, config);
  };
  const send = (call: ApiCall, connection: RequestOptions, signal: AbortSignal) =>
    sendHttp({
      method: call.method,
      url: new URL(`${serverOf(config)}${call.path}`),
      headers: { ...call.headers, ...HEADERS },
      body: call.body,
      connection,
      signal,
    });
  /** What is read anew may be what was refused, or be just being written. */
  const askAnew = async (
    call: ApiCall,
    refused: RequestOptions,
    answer: IncomingMessage,
    signal: AbortSignal,
  ) => {
    reload();
    const connection = await connectionOf(config).catch(() => refused);
    if (isSameUser(connection, refused)) return answer;
    answer.destroy();
    return send(call, connection, signal);
  };
  return async (call, signal) => {
    if (nowMs() - loadedAtMs > RELOAD_MS && !refreshesItself(config)) reload();
    const connection = await connectionOf(config);
    let answer = await send(call, connection, signal);
    if (answer.statusCode === 401) answer = await askAnew(call, connection, answer, signal);
    return {
      status: answer.statusCode ?? 0,
      retryAfter: answer.headers['retry-after'],
      body: answer,
      async close() {
        answer.destroy();
      },
    };
  };
}

function isSameUser(a: RequestOptions, b: RequestOptions): boolean {
  const userOf = ({ headers, cert, key }: RequestOptions) => JSON.stringify({ headers, cert, key });
  return userOf(a) === userOf(b);
}

/** A command or a provider has its own idea of when its token is old; the file of a service account is such a one. */
function refreshesItself(config: KubeConfig): boolean {
  const user = config.getCurrentUser();
  return Boolean(user?.exec ?? user?.authProvider);
}

async function connectionOf(config: KubeConfig): Promise<RequestOptions> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  options.headers = trimmed(options.headers);
  // Without a proxy the client's agent adds nothing, and would keep the certificates that it saw first.
  if (!config.getCurrentCluster()?.proxyUrl) delete options.agent;
  return options;
}

/** A token's file mostly ends with a newline, which the client passes on. */
function trimmed(headers: RequestOptions['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value).trim()]));
}

function loadConfig(path: string | undefined): KubeConfig {
  const config = new KubeConfigWithTokenFile();
  try {
    if (path === undefined) config.loadFromCluster();
    else config.loadFromFile(path);
    const server = serverOf(config);
    if (server === undefined) throw new Error('it names no cluster as its current context');
    if (URL.canParse(server)) return config;
    throw new Error(
      path === undefined
        ? '$KUBERNETES_SERVICE_HOST and $KUBERNETES_SERVICE_PORT do not say where the API server is'
        : `${JSON.stringify(server)} is no address of a server`,
    );
  } catch (error) {
    const what = path === undefined ? 'not in a cluster' : `kubeconfig ${path}`;
    throw new ClusterConfigError(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** The client does not know a user's `tokenFile`; it reads the file of a service account, every minute, all the same. */
class KubeConfigWithTokenFile extends KubeConfig {
  override loadFromString(text: string): void {
    super.loadFromString(text);
    const { users } = load(text) as { users?: readonly { user?: { tokenFile?: string } }[] };
    this.users = this.users.map((user, at) => {
      const tokenFile = users?.[at]?.user?.tokenFile;
      return tokenFile ? { ...user, authProvider: { name: 'tokenFile', config: { tokenFile } } } : user;
    });
  }

  override makePathsAbsolute(root: string): void {
    super.makePathsAbsolute(root);
    for (const { authProvider } of this.users) {
      const { tokenFile } = authProvider?.config ?? {};
      if (tokenFile) authProvider.config.tokenFile = makeAbsolutePath(root, tokenFile);
    }
  }
}

function serverOf(config: KubeConfig): string | undefined {
  return config.getCurrentCluster()?.server;
}

/** A file that is just being written does not end what worked. */
function reloadConfig(path: string | undefined, before: KubeConfig): KubeConfig {
  try {
    return loadConfig(path);
  } catch {
    return before;
  }
}
