import type { BackendChoice, ServicePort } from '../model/topology.ts';
import { type ObjectRef, refKey } from './metadata.ts';
import type { EndpointSliceRecord } from './read-endpoint-slice.ts';
import type { ServiceRecord } from './read-service.ts';

/**
 * Services joined with their EndpointSlices, which come and go one at a time, in any order: a slice may be here before
 * its Service. A change costs the same however large the object is; an answer is made at the first question after a
 * change of its Service or of one of its slices, from these slices alone.
 */
export class BackendChoices {
  readonly #nodeName: string | undefined;
  readonly #services = new Map<string, ServiceRecord>();
  /** By the key of the Service they name, then by their own. */
  readonly #slices = new Map<string, Map<string, EndpointSliceRecord>>();
  /** The key of the Service that a slice names, by the slice's. */
  readonly #ownerOfSlice = new Map<string, string>();
  /** By the key of the Service, then by port and family. */
  readonly #answers = new Map<string, Map<string, BackendChoice>>();

  /** `nodeName` is the node asked for; without it nothing is known of Services with a Local policy. */
  constructor(nodeName: string | undefined) {
    this.#nodeName = nodeName;
  }

  setService(service: ServiceRecord): void {
    const key = refKey(service);
    this.#services.set(key, service);
    this.#answers.delete(key);
  }

  removeService(service: ObjectRef): void {
    this.#services.delete(refKey(service));
    this.#answers.delete(refKey(service));
  }

  setSlice(slice: EndpointSliceRecord): void {
    this.removeSlice(slice);
    if (slice.service === undefined) return;
    const owner = refKey({ namespace: slice.namespace, name: slice.service });
    const slices = this.#slices.get(owner) ?? new Map<string, EndpointSliceRecord>();
    slices.set(refKey(slice), slice);
    this.#slices.set(owner, slices);
    this.#ownerOfSlice.set(refKey(slice), owner);
    this.#answers.delete(owner);
  }

  removeSlice(slice: ObjectRef): void {
    const key = refKey(slice);
    const owner = this.#ownerOfSlice.get(key);
    if (owner === undefined) return;
    this.#ownerOfSlice.delete(key);
    const slices = this.#slices.get(owner)!;
    slices.delete(key);
    if (slices.size === 0) this.#slices.delete(owner);
    this.#answers.delete(owner);
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
    const endpoints = usableEndpoints(this.#slices.get(key)?.values() ?? [], port.name, v6, node);
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
  slices: Iterable<EndpointSliceRecord>,
  portName: string,
  v6: boolean,
  node: string | undefined,
): BackendChoice['endpoints'] {
  const ready = new Map<string, { ip: string; port: number }>();
  const leaving = new Map<string, { ip: string; port: number }>();
  for (const slice of slices) {
    for (const { name, port } of slice.ports) {
      if (name !== portName) continue;
      for (const { ips, state, serving, terminating } of slice.endpoints) {
        const ip = ips[0];
        if (ip === undefined || ip.includes(':') !== v6) continue;
        if (node !== undefined && state.node !== node) continue;
        if (state.ready) ready.set(`${ip} ${port}`, { ip, port });
        else if (serving && terminating) leaving.set(`${ip} ${port}`, { ip, port });
      }
    }
  }
  return [...(ready.size > 0 ? ready : leaving).values()];
}
