import { child, elements, type Field, isAbsent, readIps, readPort, readSeconds, readText } from './fields.ts';
import { type Metadata, readMetadata } from './metadata.ts';

/** A Service reduced to where clients reach it over TCP, and what decides on their backend. */
export interface ServiceRecord extends Metadata {
  /** Cluster IPs, external IPs and load balancer addresses, canonical, each once. */
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePortRecord[];
  /** Session affinity by client address lasts this long after the last connection; undefined without. */
  readonly affinitySeconds: number | undefined;
  /** spec.internalTrafficPolicy is Local: the cluster IP leads to endpoints on the client's node only. */
  readonly localOnly: boolean;
}

interface ServicePortRecord {
  /** What the Service and its EndpointSlices call it; empty without a name. */
  readonly name: string;
  readonly port: number;
  /** On every node's address; undefined without one. */
  readonly nodePort: number | undefined;
}

/** ClientIPConfig.timeoutSeconds if it is not set. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

/**
 * Reads a parsed v1 Service. An ExternalName Service is a DNS name only: it has neither addresses nor ports.
 * spec.healthCheckNodePort is answered by kube-proxy itself and is no port of the Service.
 * Throws ObjectError. Source: Kubernetes API, ServiceSpec, ServicePort, ServiceStatus, ClientIPConfig.
 */
export function readService(object: unknown): ServiceRecord {
  const root: Field = { path: '', value: object };
  const metadata = readMetadata(root);
  const spec = child(root, 'spec');
  if (readText(child(spec, 'type')) === 'ExternalName') {
    return { ...metadata, addresses: [], ports: [], affinitySeconds: undefined, localOnly: false };
  }
  return {
    ...metadata,
    addresses: readIps([
      ...clusterIps(spec),
      ...elements(child(spec, 'externalIPs')),
      ...loadBalancerIps(child(root, 'status')),
    ]),
    ports: elements(child(spec, 'ports')).filter(isTcp).map(readServicePort),
    affinitySeconds: readAffinitySeconds(spec),
    localOnly: readText(child(spec, 'internalTrafficPolicy')) === 'Local',
  };
}

/** Whether an entry of a port list is TCP, which is the default. Of Services and EndpointSlices alike. */
export function isTcp(entry: Field): boolean {
  return (readText(child(entry, 'protocol')) ?? 'TCP') === 'TCP';
}

/** `None` marks a headless Service: it has no address of its own. */
function clusterIps(spec: Field): Field[] {
  const fields = [child(spec, 'clusterIP'), ...elements(child(spec, 'clusterIPs'))];
  return fields.filter(({ value }) => value !== 'None');
}

/** An entry may have a host name instead of an address. */
function loadBalancerIps(status: Field): Field[] {
  return elements(child(child(status, 'loadBalancer'), 'ingress')).map((ingress) => child(ingress, 'ip'));
}

function readServicePort(entry: Field): ServicePortRecord {
  const nodePort = child(entry, 'nodePort');
  const none = isAbsent(nodePort.value) || nodePort.value === 0;
  return {
    name: readText(child(entry, 'name')) ?? '',
    port: readPort(child(entry, 'port')),
    nodePort: none ? undefined : readPort(nodePort),
  };
}

function readAffinitySeconds(spec: Field): number | undefined {
  if (readText(child(spec, 'sessionAffinity')) !== 'ClientIP') return undefined;
  const seconds = child(child(child(spec, 'sessionAffinityConfig'), 'clientIP'), 'timeoutSeconds');
  return isAbsent(seconds.value) ? DEFAULT_AFFINITY_SECONDS : readSeconds(seconds);
}
