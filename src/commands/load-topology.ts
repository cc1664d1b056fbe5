import { readFileSync } from 'node:fs';
import type { OptionsOf } from '../config/parse.ts';
import { UsageError } from '../config/parse.ts';
import { NO_TOPOLOGY } from '../enrich/no-topology.ts';
import { parseTopologyText } from '../enrich/topology-file.ts';
import { TopologyFileError } from '../enrich/topology-file-error.ts';
import type { ServicePort, Topology } from '../model/topology.ts';

export interface LoadedTopology {
  readonly topology: Topology;
  /** Every Service port, to begin its series at 0. */
  readonly services: readonly ServicePort[];
  /** Objects of other kinds that were passed over, by kind. */
  readonly ignored: Readonly<Record<string, number>>;
}

/**
 * What `--topology` names, as this node, `nodeName`, sees it. Throws a UsageError that says which file, which document,
 * and what is wrong.
 */
export async function loadTopology(
  source: OptionsOf<'agent'>['topology'],
  nodeName: string,
): Promise<LoadedTopology> {
  if (source.kind === 'none') return { topology: NO_TOPOLOGY, services: [], ignored: {} };
  let text: string;
  try {
    text = readFileSync(source.path, 'utf8');
  } catch (error) {
    throw new UsageError(`--topology file:${source.path}: ${(error as Error).message}`);
  }
  try {
    const ignored = new Map<string, number>();
    const onIgnored = (kind: string) => ignored.set(kind, (ignored.get(kind) ?? 0) + 1);
    const topology = await parseTopologyText(text, source.path, onIgnored, nodeName);
    return { topology, services: [...topology.services()], ignored: Object.fromEntries(ignored) };
  } catch (error) {
    if (error instanceof TopologyFileError) throw new UsageError(error.message);
    throw error;
  }
}
