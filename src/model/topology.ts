/**
 * What is known of the cluster, reduced to what is asked of it. Sources (a file, the API server) build this;
 * enrich/name.ts asks. Looking up is O(1): it happens for every finding, also in a flood.
 */
export interface Topology {
  /** The Service that owns this address and port (ClusterIP, external IP, load balancer address). */
  serviceAt(ip: string, port: number): ServicePort | undefined;
  /** The Service with this node port, if the address is one of a node. */
  serviceAtNodePort(ip: string, port: number): ServicePort | undefined;
  /** The pod that has this address. Pods on the host network do not own theirs. */
  podAt(ip: string): PodName | undefined;
  /** The name of the node that has this address. */
  nodeAt(ip: string): string | undefined;
  /** The endpoint of any Service with this address and port. */
  endpointAt(ip: string, port: number): EndpointState | undefined;
  /**
   * Whether an EndpointSlice of this Service port has this address and port, ready or not, on whatever node. A connection
   * to such a backend is still one of the Service.
   */
  isEndpoint(service: ServicePort, ip: string, port: number): boolean;
  /**
   * How this Service port picks a backend for a connection to one of its addresses of this family; undefined if that is
   * not known. As for the cluster IP: what external traffic policy and topology hints change is not considered.
   */
  backendChoice(service: ServicePort, v6: boolean): BackendChoice | undefined;
}

/** What decides which backend a new connection to a Service port gets. */
export interface BackendChoice {
  /**
   * Where kube-proxy on this node would send it: the ready endpoints, or if none is ready the ones that still serve
   * while they terminate; with internalTrafficPolicy Local those of this node only. Each once, in no order.
   */
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
  /** Session affinity by client address lasts this long after the last pick; undefined without. */
  readonly affinitySeconds: number | undefined;
}

export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
  /** `Deployment/checkout`. */
  readonly workload: string;
  readonly node: string | undefined;
  /** metadata.uid; a pod that is made anew under the same name has another. */
  readonly uid?: string;
}

export interface EndpointState {
  readonly namespace: string | undefined;
  readonly pod: string | undefined;
  readonly node: string | undefined;
  readonly ready: boolean | undefined;
}
