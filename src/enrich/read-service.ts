import { child, elements, type Field, isAbsent, readIps, readPort, readText } from './fields.ts';
import { type Metadata, readMetadata } from './metadata.ts';

/** A Service reduced to where clients reach it over TCP. */
export interface ServiceRecord extends Metadata {
  /** Cluster IPs, external IPs and load balancer addresses, canonical, each once. */
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePortRecord[];
}

interface ServicePortRecord {
  readonly port: number;
  /** On every node's address; undefined without one. */
  readonly nodePort: number | undefined;
}

/**
 * Reads a parsed v1 Service. An ExternalName Service is a DNS name only: it has neither addresses nor ports.
 * spec.healthCheckNodePort is answered by kube-proxy itself and is no port of the Service.
 * Throws ObjectError. Source: Kubernetes API, ServiceSpec, ServicePort, ServiceStatus.
 */
export function readService(object: unknown): ServiceRecord {
  const root: Field = { path: '', value: object };
  const metadata = readMetadata(root);
  const spec = child(root, 'spec');
  if (readText(child(spec, 'type')) === 'ExternalName') return { ...metadata, addresses: [], ports: [] };
  return {
    ...metadata,
    addresses: readIps([
      ...clusterIps(spec),
      ...elements(child(spec, 'externalIPs')),
      ...loadBalancerIps(child(root, 'status')),
    ]),
    ports: elements(child(spec, 'ports')).filter(isTcp).map(readServicePort),
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
  return { port: readPort(child(entry, 'port')), nodePort: none ? undefined : readPort(nodePort) };
}
