import { isLoopback } from '../lib/is-loopback.ts';
import type { FlowAtRisk, NamedFlowAtRisk } from '../model/at-risk.ts';
import type { Connection, Endpoint, Finding } from '../model/finding.ts';
import type { NamedBackend, NamedClient, NamedFinding, NamedService } from '../model/named-finding.ts';
import type { Topology } from '../model/topology.ts';

/**
 * Adds names to a finding. Undefined if it is about no Service: its destination was not translated, and no known
 * Service has it. `nodeName` is the node we run on; it names clients that use a loopback address.
 */
export function nameFinding(
  topology: Topology,
  finding: Finding,
  nodeName?: string,
): NamedFinding | undefined {
  const service = nameService(topology, finding.connection);
  if (!service.known && !finding.translated) return undefined;
  const client = nameClient(topology, finding.connection, nodeName);
  if (finding.kind === 'entry_lost') return { ...finding, client, service };
  return {
    ...finding,
    client,
    service,
    oldBackend: nameBackend(topology, finding.oldBackend),
    newBackend: nameBackend(topology, finding.newBackend),
  };
}

/** Adds names to a connection at risk. */
export function nameAtRisk(topology: Topology, flow: FlowAtRisk, nodeName: string): NamedFlowAtRisk {
  return {
    ...flow,
    client: nameClient(topology, flow.connection, nodeName),
    service: nameService(topology, flow.connection),
    backend: nameBackend(topology, flow.backend),
  };
}

/** Whose address and port a client connected to. */
export function nameService(
  topology: Topology,
  { dst, dport }: Pick<Connection, 'dst' | 'dport'>,
): NamedService {
  const service = topology.serviceAt(dst, dport) ?? topology.serviceAtNodePort(dst, dport);
  const { namespace, name, port } = service ?? { namespace: '', name: dst, port: dport };
  return { ip: dst, port: dport, namespace, name, servicePort: port, known: service !== undefined };
}

/** Who connected from an address. */
export function nameClient(
  topology: Topology,
  { src, sport }: Pick<Connection, 'src' | 'sport'>,
  nodeName: string | undefined,
): NamedClient {
  const pod = topology.podAt(src);
  const node = pod ? undefined : (topology.nodeAt(src) ?? (isLoopback(src) ? nodeName : undefined));
  return {
    ip: src,
    port: sport,
    namespace: pod?.namespace,
    pod: pod?.name,
    workload: pod?.workload ?? (node === undefined ? undefined : `Node/${node}`),
    ...(pod?.uid !== undefined && { podUid: pod.uid }),
  };
}

/** The endpoint knows pods on the host network too; the pod's own address helps when no slice has it (any more). */
export function nameBackend(topology: Topology, backend: Endpoint): NamedBackend;
export function nameBackend(topology: Topology, backend: Endpoint | undefined): NamedBackend | undefined;
export function nameBackend(topology: Topology, backend: Endpoint | undefined): NamedBackend | undefined {
  if (!backend) return undefined;
  const { ip, port } = backend;
  const endpoint = topology.endpointAt(ip, port);
  const pod = topology.podAt(ip);
  const isNamed = endpoint?.pod !== undefined;
  return {
    ip,
    port,
    namespace: isNamed ? endpoint.namespace : pod?.namespace,
    pod: isNamed ? endpoint.pod : pod?.name,
    node: endpoint?.node ?? pod?.node ?? topology.nodeAt(ip),
    ready: endpoint?.ready,
  };
}
