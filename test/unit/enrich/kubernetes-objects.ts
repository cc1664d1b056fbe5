import { readEndpointSlice } from '../../../src/enrich/read-endpoint-slice.ts';
import { readPod } from '../../../src/enrich/read-pod.ts';
import { readService } from '../../../src/enrich/read-service.ts';
import { TopologyIndex } from '../../../src/enrich/topology-index.ts';

/** Kubernetes objects as the API gives them, as short as a test can be written. */
export interface Fields {
  [field: string]: unknown;
}

export function metadata(name: string, more: Fields = {}): Fields {
  return { namespace: 'shop', name, ...more };
}

export function service(name: string, spec: Fields, more: Fields = {}): Fields {
  return { apiVersion: 'v1', kind: 'Service', metadata: metadata(name), spec, ...more };
}

export function slice(name: string, port: number, endpoints: Fields[], more: Fields = {}): Fields {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(name),
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'web', port, protocol: 'TCP' }],
    ...more,
  };
}

export function endpoint(ip: string, pod: string, conditions: Fields = { ready: true }): Fields {
  return {
    addresses: [ip],
    conditions,
    nodeName: 'node-a',
    targetRef: { kind: 'Pod', namespace: 'shop', name: pod },
  };
}

/** `ip` undefined: a pod that has none yet. */
export function pod(name: string, ip: string | undefined, more: { [part: string]: Fields } = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(name, { creationTimestamp: '2026-11-23T06:00:00Z', ...more['metadata'] }),
    spec: { nodeName: 'node-a', ...more['spec'] },
    status: { phase: 'Running', hostIP: '172.31.250.1', ...(ip && { podIP: ip }), ...more['status'] },
  };
}

/** An owner reference as a controller writes it. */
export function ownedBy(kind: string, name: string): Fields {
  return { ownerReferences: [{ apiVersion: 'any/v1', kind, name, controller: true }] };
}

/** An index of these objects, each read as the kind it says. */
export function indexOf(...objects: Fields[]): TopologyIndex {
  const index = new TopologyIndex();
  for (const object of objects) put(index, object);
  return index;
}

/** Sets an object, read as the kind it says. */
export function put(index: TopologyIndex, object: Fields): void {
  if (object['kind'] === 'Service') index.setService(readService(object));
  else if (object['kind'] === 'Pod') index.setPod(readPod(object));
  else index.setEndpointSlice(readEndpointSlice(object));
}
