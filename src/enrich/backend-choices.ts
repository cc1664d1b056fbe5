import type { BackendChoice, ServicePort } from '../model/topology.ts';
import { refKey } from './metadata.ts';
import type { ServiceRecord } from './read-service.ts';
import type { KeptSlice, SliceStore } from './slice-store.ts';

/**
 * Services joined with their EndpointSlices, which come and go one at a time, in any order: a slice may be here before
 * its Service. A change costs the same however large the object is; an answer is made at the first question after a
 * change of its Service or of one of its slices, from these slices alone.
 */
export class BackendChoices {
  readonly #nodeName: string | undefined;
  readonly #slices: SliceStore;
  readonly #services = new Map<string, ServiceRecord>();
  /** By the key of the Service, then by port and family. */
  readonly #answers = new Map<string, Map<string, BackendChoice>>();

  /** `nodeName` is the node asked for; without it nothing is known of Services with a Local policy. */
  constructor(nodeName: string | undefined, slices: SliceStore) {
    this.#nodeName = nodeName;
    this.#slices = slices;
  }

  /** `key` is the refKey of the Service, here as in all that follows. */
  setService(key: string, service: ServiceRecord): void {
    this.#services.set(key, service);
    this.changed(key);
  }

  removeService(key: string): void {
    this.#services.delete(key);
    this.changed(key);
  }

  services(): Iterable<ServiceRecord> {
    return this.#services.values();
  }

  /** The slices of the Service are others now. */
  changed(key: string): void {
    this.#answers.delete(key);
  }

  /** See Topology.isEndpoint. */
  isEndpoint(asked: ServicePort, ip: string, port: number): boolean {
    const key = refKey(asked);
    const servicePort = this.#services.get(key)?.ports.find((each) => each.port === asked.port);
    return servicePort !== undefined && this.#slices.hasEndpoint(key, servicePort.name, ip, port);
  }

  /** See Topology.backendChoice. */
  get(asked: ServicePort, v6: boolean): BackendChoice | undefined {
    const key = refKey(asked);
    const service = this.#services.get(key);
    const port = service?.ports.find(({ port }) => port === asked.port);
    if (!service || !port || (service.localOnly && this.#nodeName === undefined)) return undefined;
    const answers = this.#answers.get(key) ?? new Map<string, BackendChoice>();
    const question = `${port.port} ${v6}`;
    const known = answers.get(question);
    if (known) return known;
    const node = service.localOnly ? this.#nodeName : undefined;
    const endpoints = usableEndpoints(this.#slices.ofService(key), port.name, v6, node);
    const answer = { endpoints, affinitySeconds: service.affinitySeconds };
    answers.set(question, answer);
    this.#answers.set(key, answers);
    return answer;
  }
}

/**
 * The endpoints that new connections go to; those of `node` only if one is given. While endpoints move between slices
 * they are in two of them, maybe in different states: the better one counts. Of several addresses an endpoint has only
 * the first is used. Source: kube-proxy, pkg/proxy/topology.go (CategorizeEndpoints) and endpointslicecache.go.
 */
function usableEndpoints(
  slices: readonly KeptSlice[],
  portName: string,
  v6: boolean,
  node: string | undefined,
): BackendChoice['endpoints'] {
  const ready = new Map<string, { ip: string; port: number }>();
  const leaving = new Map<string, { ip: string; port: number }>();
  for (const slice of slices) {
    for (const { name, port } of slice.ports) {
      if (name !== portName) continue;
      for (const endpoint of slice.endpoints) {
        const { ip, serving, terminating } = endpoint;
        if (!endpoint.isFirst || ip.includes(':') !== v6) continue;
        if (node !== undefined && endpoint.node !== node) continue;
        if (endpoint.ready) ready.set(`${ip} ${port}`, { ip, port });
        else if (serving && terminating) leaving.set(`${ip} ${port}`, { ip, port });
      }
    }
  }
  return [...(ready.size > 0 ? ready : leaving).values()];
}
