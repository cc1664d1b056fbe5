import { counted } from '../lib/counted.ts';
import type { CheckResult } from '../model/check.ts';
import { fail, ok, sentence, warn } from './result.ts';

export interface TopologyFileFacts {
  readonly path: string;
  readonly nodeName: string;
  readonly services: number;
  readonly endpoints: number;
  readonly pods: number;
  /** Nodes that pods or endpoints are on. */
  readonly nodes: ReadonlySet<string>;
}

const NAME = {
  id: 'topology_file',
  title: 'names from a file',
  why: 'Findings name Services, pods and workloads by what the file says; what it does not know stays an address.',
};
const REWRITE = (path: string) => [`kubectl get services,endpointslices,pods -A -o json > ${quoted(path)}`];

export function checkTopologyFile(facts: TopologyFileFacts): CheckResult {
  const { path, nodeName, services, endpoints, pods, nodes } = facts;
  const seen = `${path} has ${counted(services, 'Service')}, ${counted(endpoints, 'endpoint')} and ${counted(pods, 'pod')}`;
  if (services === 0) return warn(NAME, `${seen}: no Service can be named.`, REWRITE(path));
  if (!nodes.has(nodeName)) {
    const known = [...nodes].slice(0, 3).join(', ');
    return warn(
      NAME,
      `${seen}, but none of these is on a node "${nodeName}"${known === '' ? '' : ` (there are ${known}${nodes.size > 3 ? ' and more' : ''})`}: the clients of this node get no names.`,
      ['conntrack-watchdog doctor --node-name NAME', ...REWRITE(path)],
    );
  }
  return ok(NAME, `${seen}; "${nodeName}" is among its nodes.`);
}

/** The file cannot be read, or makes no sense: the agent would not start. */
export function unreadableTopologyFile(path: string, reason: string): CheckResult {
  return fail(NAME, sentence(reason), REWRITE(path));
}

/** No --topology. */
export function withoutTopology(): CheckResult {
  return ok(
    { id: 'names', title: 'names', why: 'With names findings say which Service and which workload broke.' },
    'No --topology: findings have addresses instead of names.',
  );
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
