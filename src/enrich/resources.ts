import type { ClusterTopology } from './cluster-topology.ts';
import type { ObjectRef } from './metadata.ts';
import { readEndpointSlice } from './read-endpoint-slice.ts';
import { readPod } from './read-pod.ts';
import { readService } from './read-service.ts';

/** What is watched; the values of the label `resource`. */
export const RESOURCES = ['services', 'endpointslices', 'pods'] as const;
export type ResourceName = (typeof RESOURCES)[number];

/** One kind of object at the API server, and where it goes. */
export interface Resource {
  readonly name: ResourceName;
  /** As RBAC and `kubectl auth can-i` know it: `endpointslices.discovery.k8s.io`. */
  readonly apiName: string;
  readonly path: string;
  /** Which objects of the kind, in the API's words. */
  readonly selector: Readonly<Record<string, string>>;
  /** Reduces a parsed object and keeps that. Throws ObjectError. */
  readonly set: (object: unknown) => void;
  readonly remove: (object: ObjectRef) => void;
}

/**
 * The Services that kube-proxy sets up rules for: not those left to another proxy, not headless ones. The EndpointSlice
 * controller gives slices the labels of their Service, and this one to those of headless Services.
 * Source: kube-proxy, cmd/kube-proxy/app/server.go; service.kubernetes.io/headless is k8s.io/api/core/v1 IsHeadlessService.
 */
export const PROXIED = '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name';

/** Services and EndpointSlices of all namespaces, and the pods of this node, read into the topology. */
export function resourcesOf(
  topology: ClusterTopology,
  nodeName: string,
  onServices: () => void,
): readonly Resource[] {
  return [
    {
      name: 'services',
      apiName: 'services',
      path: '/api/v1/services',
      selector: { labelSelector: PROXIED },
      set: (object) => {
        topology.setService(readService(object));
        onServices();
      },
      remove: (ref) => {
        topology.removeService(ref);
        onServices();
      },
    },
    {
      name: 'endpointslices',
      apiName: 'endpointslices.discovery.k8s.io',
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      selector: { labelSelector: PROXIED },
      set: (object) => topology.setEndpointSlice(readEndpointSlice(object)),
      remove: (ref) => topology.removeEndpointSlice(ref),
    },
    {
      name: 'pods',
      apiName: 'pods',
      path: '/api/v1/pods',
      selector: { fieldSelector: `spec.nodeName=${nodeName}` },
      set: (object) => topology.setPod(readPod(object)),
      remove: (ref) => topology.removePod(ref),
    },
  ];
}
