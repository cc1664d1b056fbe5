/** Objects as an API server takes them, as short as that allows. */
import type { NewObject } from '../support/test-cluster.ts';

/** The account of the pods here: a namespace has none of its own where no controller makes it. */
export const POD_ACCOUNT: NewObject = { metadata: { name: 'pod' }, automountServiceAccountToken: false };

/** Without a selector, so that no controller makes slices for it. */
export function newService(name: string, spec: object = {}, labels: object = {}): NewObject {
  const ports = [{ name: 'web', port: 80, targetPort: 8080 }];
  return { metadata: { name, labels }, spec: { ports, ...spec } };
}

export interface NewEndpoint {
  readonly ip: string;
  readonly pod: string;
  readonly ready?: boolean;
}

/** A slice of this Service that no controller takes for its own. */
export function newSlice(
  name: string,
  service: string,
  port: number,
  endpoints: readonly NewEndpoint[],
  labels: object = {},
): NewObject {
  const mine = { 'endpointslice.kubernetes.io/managed-by': 'conntrack-watchdog-test' };
  return {
    metadata: { name, labels: { ...mine, 'kubernetes.io/service-name': service, ...labels } },
    ...endpointsAt(port, endpoints),
  };
}

/** What a slice says beside its metadata. */
export function endpointsAt(port: number, endpoints: readonly NewEndpoint[]) {
  return {
    addressType: endpoints[0]?.ip.includes(':') ? 'IPv6' : 'IPv4',
    ports: [{ name: 'web', port, protocol: 'TCP' }],
    endpoints: endpoints.map(({ ip, pod, ready = true }) => ({
      addresses: [ip],
      conditions: { ready, serving: ready, terminating: false },
      targetRef: { kind: 'Pod', name: pod },
    })),
  };
}

/** Bound to a node without the scheduler; nobody runs it. POD_ACCOUNT has to be there. */
export function newPod(name: string, nodeName: string, spec: object = {}, metadata: object = {}): NewObject {
  return {
    metadata: { name, ...metadata },
    spec: {
      nodeName,
      serviceAccountName: POD_ACCOUNT.metadata.name,
      automountServiceAccountToken: false,
      containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10' }],
      ...spec,
    },
  };
}

/** What the kubelet says of a pod that runs. */
export function runningAt(podIP: string, hostIP: string): object {
  return {
    status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }], hostIP, hostIPs: [{ ip: hostIP }] },
  };
}
