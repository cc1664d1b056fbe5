import { readFileSync } from 'node:fs';
import type { OptionsOf } from '../../config/parse.ts';
import { UsageError } from '../../config/parse.ts';
import { NO_TOPOLOGY } from '../../enrich/no-topology.ts';
import { parseTopologyText } from '../../enrich/topology-file.ts';
import { TopologyFileError } from '../../enrich/topology-file-error.ts';
import type { ClusterWatch, ClusterWatchOptions } from '../../enrich/watch.ts';
import type { ServicePort, Topology } from '../../model/topology.ts';

/** Names that do not change. */
export interface FixedTopology {
  readonly kind: 'fixed';
  readonly topology: Topology;
  /** Every Service port, to begin its series at 0. */
  readonly services: readonly ServicePort[];
  /** Objects of other kinds that were passed over, by kind. */
  readonly ignored: Readonly<Record<string, number>>;
}

/** Names that come from the API server and change; nothing is asked before `watch`, which throws a UsageError. */
export interface WatchedTopology {
  readonly kind: 'watched';
  watch(options: Omit<ClusterWatchOptions, 'kubeconfig' | 'nodeName'>): ClusterWatch;
}

/**
 * What `--topology` names, as this node sees it. Throws a UsageError that says which file, which document, and what is
 * wrong.
 */
export async function loadTopology(
  options: Pick<OptionsOf<'agent'>, 'topology' | 'kubeconfig' | 'nodeName'>,
): Promise<FixedTopology | WatchedTopology> {
  const { topology: source, kubeconfig, nodeName } = options;
  switch (source.kind) {
    case 'none':
      return { kind: 'fixed', topology: NO_TOPOLOGY, services: [], ignored: {} };
    case 'file':
      return await readTopologyFile(source.path, nodeName);
    case 'kubernetes': {
      // Loaded only when needed: the Kubernetes client is half of the agent's memory.
      const { watchCluster, ClusterConfigError } = await import('../../enrich/watch.ts');
      return {
        kind: 'watched',
        watch(rest) {
          try {
            return watchCluster({ ...rest, kubeconfig, nodeName });
          } catch (error) {
            if (!(error instanceof ClusterConfigError)) throw error;
            const hint = kubeconfig === undefined ? '; give --kubeconfig, or another --topology' : '';
            throw new UsageError(`--topology kubernetes: ${error.message}${hint}`);
          }
        },
      };
    }
  }
}

/** Throws a UsageError as above. Without `nodeName` it is nobody's view. */
export async function readTopologyFile(path: string, nodeName?: string): Promise<FixedTopology> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--topology file:${path}: ${(error as Error).message}`);
  }
  try {
    const ignored = new Map<string, number>();
    const onIgnored = (kind: string) => ignored.set(kind, (ignored.get(kind) ?? 0) + 1);
    const topology = await parseTopologyText(text, path, onIgnored, nodeName);
    const services = [...topology.services()];
    return { kind: 'fixed', topology, services, ignored: Object.fromEntries(ignored) };
  } catch (error) {
    if (error instanceof TopologyFileError) throw new UsageError(error.message);
    throw error;
  }
}
