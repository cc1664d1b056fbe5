import type { ClusterWatch } from '../../enrich/watch.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { SendRequest } from '../../model/api-request.ts';
import type { Topology } from '../../model/topology.ts';
import type { Log } from '../../report/log.ts';
import { type ReadyCondition, TOPOLOGY_RESOURCES } from '../../report/metric-table.ts';
import type { Metrics } from '../../report/metrics.ts';
import type { Readiness } from '../../report/readiness.ts';
import type { TopologyReadings } from '../../report/readings.ts';
import { TOPOLOGY_CONDITION } from '../agent/checkup.ts';
import { followFile } from './follow-file.ts';
import type { FileTopology, FixedTopology, WatchedTopology } from './load-topology.ts';

export interface FollowTopologyOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'declareServices'>;
  readonly readiness: Readiness<ReadyCondition>;
}

/** The agent's names, whatever their source. */
export interface FollowedTopology {
  readonly topology: Topology;
  /** Undefined if the names do not come from the API server. */
  readings(): TopologyReadings | undefined;
  /** Requests to the same API server; undefined if the names do not come from one. */
  readonly send: SendRequest | undefined;
  /** Takes notice of what changed; to be called every few seconds. */
  look(): void;
  stop(): Promise<void>;
}

/** Begins to follow the source, and tells log, metrics and readiness of it. Throws a UsageError. */
export function followTopology(
  source: FixedTopology | WatchedTopology,
  options: FollowTopologyOptions,
): FollowedTopology {
  if (source.kind === 'watched') return followCluster(source, options);
  const { topology, file } = source;
  if (file) return followNameFile({ ...source, file }, options);
  return { ...FIXED, topology, look: () => {}, stop: async () => {} };
}

/** What an API server would tell. */
const FIXED = { readings: () => undefined, send: undefined };

function followNameFile(
  first: FileTopology,
  { clock, log, metrics }: FollowTopologyOptions,
): FollowedTopology {
  const tell = ({ services, ignored }: FileTopology, message: string) => {
    metrics.declareServices(services);
    log.info('topology_loaded', message, { service_ports: services.length, ignored_objects: ignored });
  };
  const { path } = first.file;
  tell(first, `Names come from ${path}`);
  const followed = followFile(first, {
    clock,
    onLoaded: (names) => tell(names, `${path} was read anew, and its names are in use`),
    onProblem: (reason) =>
      log.warn(
        'topology_problem',
        `${path} cannot be used any more, and the names stay as they were: ${reason}`,
        { reason },
      ),
  });
  return {
    ...FIXED,
    topology: followed.topology,
    look: () => void followed.look(),
    stop: async () => followed.stop(),
  };
}

function followCluster(
  source: WatchedTopology,
  { clock, log, metrics, readiness }: FollowTopologyOptions,
): FollowedTopology {
  /** Services come by the hundred; their series are begun once for many. */
  let hasNewServices = false;
  const lastReasons = new Map<string, string>();
  const known = new Set<string>();
  const reasonOf = (resource: string) =>
    lastReasons.get(resource) ??
    (known.has(resource) ? `nothing is heard of ${resource} any more` : `${resource} are not known yet`);
  const look = () => {
    if (hasNewServices) metrics.declareServices(cluster.services());
    hasNewServices = false;
    const synced = cluster.synced();
    const missing = TOPOLOGY_RESOURCES.filter((resource) => !synced[resource]);
    if (missing.length === 0) readiness.meet(TOPOLOGY_CONDITION);
    else readiness.fail(TOPOLOGY_CONDITION, [...new Set(missing.map(reasonOf))].join('; '));
  };
  const cluster: ClusterWatch = source.watch({
    nowMs: () => clock.monotonicMs(),
    onSynced: (resource) => {
      known.add(resource);
      lastReasons.delete(resource);
      look();
      log.info('topology_synced', `The API server tells of ${resource}`, { resource });
    },
    onProblem: ({ resource, verb, what, reason, status }) => {
      if (verb !== 'read') lastReasons.set(resource, `cannot ${what}: ${reason}`);
      look();
      log.warn('topology_problem', problemText(verb, what, reason), {
        resource,
        verb,
        reason,
        ...(status !== undefined && { status }),
      });
    },
    onServices: () => {
      hasNewServices = true;
    },
  });
  return {
    topology: cluster.topology,
    readings: () => ({ synced: cluster.synced(), errors: cluster.errors() }),
    send: (request, signal) => cluster.send(request, signal),
    look,
    stop: () => cluster.stop(),
  };
}

function problemText(verb: 'list' | 'watch' | 'read', what: string, reason: string): string {
  return verb === 'read'
    ? `An object of the API server makes no sense and is passed over: ${reason}`
    : `Cannot ${what}: ${reason}. Connections are watched all the same; names may be missing or old.`;
}
