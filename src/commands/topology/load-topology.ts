import { readFile } from 'node:fs/promises';
import type { OptionsOf } from '../../config/parse.ts';
import { UsageError } from '../../config/parse.ts';
import { NO_TOPOLOGY } from '../../enrich/no-topology.ts';
import { parseTopologyText } from '../../enrich/topology-file.ts';
import { TopologyFileError } from '../../enrich/topology-file-error.ts';
import type { ClusterWatch, ClusterWatchOptions } from '../../enrich/watch.ts';
import type { ServicePort, Topology } from '../../model/topology.ts';
import { fileVersion } from './file-version.ts';

/** Names that are all there at once. */
export interface FixedTopology {
  readonly kind: 'fixed';
  readonly topology: Topology;
  /** Undefined if there are none. */
  readonly file?: NameFile;
  /** Every Service port, to begin its series at 0. */
  readonly services: readonly ServicePort[];
  /** Objects of other kinds that were passed over, by kind. */
  readonly ignored: Readonly<Record<string, number>>;
}

/** Where names were read. */
export interface NameFile {
  readonly path: string;
  /** Whose view it is; undefined: nobody's. */
  readonly nodeName: string | undefined;
  /** As it was read, see fileVersion. */
  readonly version: string;
}

export interface FileTopology extends FixedTopology {
  readonly file: NameFile;
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
export async function readTopologyFile(path: string, nodeName?: string): Promise<FileTopology> {
  let text: string;
  let version: string;
  try {
    version = (await fileVersion(path)).text;
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--topology file:${path}: ${(error as Error).message}`);
  }
  return await parseTopologyFile(text, { path, nodeName, version });
}

/** Throws a UsageError as above. */
export async function parseTopologyFile(text: string, file: NameFile): Promise<FileTopology> {
  try {
    const ignored = new Map<string, number>();
    const onIgnored = (kind: string) => ignored.set(kind, (ignored.get(kind) ?? 0) + 1);
    const topology = await parseTopologyText(text, file.path, onIgnored, file.nodeName);
    const services = [...topology.services()];
    return { kind: 'fixed', topology, file, services, ignored: Object.fromEntries(ignored) };
  } catch (error) {
    if (error instanceof TopologyFileError) throw new UsageError(error.message);
    throw error;
  }
}
