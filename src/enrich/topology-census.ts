import type { EndpointSliceRecord } from './read-endpoint-slice.ts';
import type { PodRecord } from './read-pod.ts';
import type { ServiceRecord } from './read-service.ts';
import { TopologyIndex } from './topology-index.ts';

/** A topology that counts what is put into it; each object is put once. */
export class TopologyCensus extends TopologyIndex {
  serviceCount = 0;
  endpointCount = 0;
  podCount = 0;
  /** Nodes that pods and endpoints are on. */
  readonly nodes = new Set<string>();

  override setService(service: ServiceRecord): void {
    this.serviceCount += 1;
    super.setService(service);
  }

  override setEndpointSlice(slice: EndpointSliceRecord): void {
    this.endpointCount += slice.endpoints.length;
    for (const { state } of slice.endpoints) this.#addNode(state.node);
    super.setEndpointSlice(slice);
  }

  override setPod(pod: PodRecord): void {
    this.podCount += 1;
    this.#addNode(pod.node);
    super.setPod(pod);
  }

  #addNode(node: string | undefined): void {
    if (node !== undefined) this.nodes.add(node);
  }
}
