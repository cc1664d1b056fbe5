import type { BackendChoice, EndpointState, PodName, ServicePort, Topology } from '../model/topology.ts';
import { DepartedNames } from './departed-names.ts';
import type { ObjectRef } from './metadata.ts';
import type { EndpointSliceRecord } from './read-endpoint-slice.ts';
import type { PodRecord } from './read-pod.ts';
import type { ServiceRecord } from './read-service.ts';
import { TopologyIndex } from './topology-index.ts';

/**
 * The topology of a cluster that lives: as TopologyIndex, and whoever left an address keeps it for ten minutes unless
 * somebody else takes it. A Service keeps its addresses and node ports in the same way; who its backends were is not
 * kept.
 */
export class ClusterTopology implements Topology {
  readonly #departed: DepartedNames;
  readonly #index: TopologyIndex;

  /** `nodeName` is this node; `nowMs` must not go backward. */
  constructor(nodeName: string, nowMs: () => number) {
    this.#departed = new DepartedNames(nowMs);
    this.#index = new TopologyIndex(nodeName, this.#departed);
  }

  setService(service: ServiceRecord): void {
    this.#index.setService(service);
  }

  removeService(service: ObjectRef): void {
    this.#index.removeService(service);
  }

  setEndpointSlice(slice: EndpointSliceRecord): void {
    this.#index.setEndpointSlice(slice);
    for (const { ips, state } of slice.endpoints) {
      const { namespace, pod } = state;
      if (namespace === undefined || pod === undefined) continue;
      for (const ip of ips) this.#departed.taken(ip, { namespace, name: pod });
    }
  }

  removeEndpointSlice(slice: ObjectRef): void {
    this.#index.removeEndpointSlice(slice);
  }

  setPod(pod: PodRecord): void {
    this.#index.setPod(pod);
    for (const ip of pod.ips) this.#departed.taken(ip, pod);
  }

  removePod(pod: ObjectRef): void {
    this.#index.removePod(pod);
  }

  /** Every port of every Service that is there. */
  services(): Iterable<ServicePort> {
    return this.#index.services();
  }

  serviceAt(ip: string, port: number): ServicePort | undefined {
    return this.#index.serviceAt(ip, port) ?? this.#departed.serviceAt(ip, port);
  }

  serviceAtNodePort(ip: string, port: number): ServicePort | undefined {
    const service = this.#index.serviceAtNodePort(ip, port);
    if (service || !this.#index.hasNodePorts(ip)) return service;
    return this.#departed.serviceAtNodePort(port);
  }

  podAt(ip: string): PodName | undefined {
    return this.#index.podAt(ip) ?? this.#departed.podAt(ip);
  }

  nodeAt(ip: string): string | undefined {
    return this.#index.nodeAt(ip);
  }

  endpointAt(ip: string, port: number): EndpointState | undefined {
    return this.#index.endpointAt(ip, port) ?? this.#departed.endpointAt(ip, port);
  }

  isEndpoint(service: ServicePort, ip: string, port: number): boolean {
    return this.#index.isEndpoint(service, ip, port);
  }

  backendChoice(service: ServicePort, v6: boolean): BackendChoice | undefined {
    return this.#index.backendChoice(service, v6);
  }
}
