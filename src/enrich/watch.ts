import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { HttpMethod, RequestContext } from '@kubernetes/client-node/dist/gen/http/http.js';
import { request } from 'undici';
import type { ServicePort, Topology } from '../model/topology.ts';
import type { ApiGet } from './api-call.ts';
import { ClusterTopology } from './cluster-topology.ts';
import { follow } from './follow.ts';
import { DEFAULT_TIMING, type FollowTiming } from './follow-timing.ts';
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
  /** Whether each resource was listed and is still kept up to date: the server was there within the last minute. */
  synced(): Readonly<Record<ResourceName, boolean>>;
  /** Failed requests, broken watches and objects that made no sense, so far. */
  errors(): Readonly<Record<ResourceName, number>>;
  /** Ends all connections. What is known stays. */
  stop(): Promise<void>;
}

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
  const get = createGet(options.kubeconfig);
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
    async stop() {
      stop.abort();
      await Promise.all(followers.map(({ ended }) => ended));
    },
  };
}

/**
 * Requests with the credentials that the kubeconfig or the service account has at that moment: certificates are read
 * from their files each time, so each request has a connection of its own; tokens are at most a minute old, and after a
 * 401 everything is read anew. Not the client's Watch class: it ends a quiet watch after 30 s, passes over lines it
 * cannot parse without a word, and does not tell what the server said with its refusal.
 */
function createGet(kubeconfig: string | undefined): ApiGet {
  let config = loadConfig(kubeconfig);
  return async (path, query, signal) => {
    const url = `${serverOf(config)}${path}?${new URLSearchParams(query)}`;
    const context = new RequestContext(url, HttpMethod.GET);
    await config.applySecurityAuthentication(context);
    const dispatcher = context.getDispatcher();
    const close = async () => {
      await dispatcher?.destroy().catch(() => {});
    };
    try {
      const answer = await request(url, {
        headers: { ...trimmed(context.getHeaders()), ...HEADERS },
        signal,
        ...(dispatcher && { dispatcher }),
      });
      if (answer.statusCode === 401) config = reload(kubeconfig, config);
      const retryAfter = answer.headers['retry-after'];
      return {
        status: answer.statusCode,
        retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
        body: answer.body,
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  };
}

/** A token's file mostly ends with a newline, which the client passes on. */
function trimmed(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.trim()]));
}

function loadConfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
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

function serverOf(config: KubeConfig): string | undefined {
  return config.getCurrentCluster()?.server;
}

/** A file that is just being written does not end what worked. */
function reload(path: string | undefined, before: KubeConfig): KubeConfig {
  try {
    return loadConfig(path);
  } catch {
    return before;
  }
}
