import type { EndpointState, PodName, ServicePort } from '../model/topology.ts';
import { RecentMap } from './recent-map.ts';
import type { Departures } from './topology-index.ts';

/** A break is reported when somebody uses the connection, which may be minutes after its backend or Service went. */
const KEEP_MS = 600_000;
const MAX_ADDRESSES = 10_000;

type Who = Pick<PodName, 'namespace' | 'name'>;

interface Departed {
  readonly pod: PodName | undefined;
  readonly endpoints: ReadonlyMap<number, EndpointState>;
}

/**
 * Who had an address last, for ten minutes after it was left. Bounded: when there are too many, the addresses left
 * first are forgotten first. Whatever pod takes an address over is told by `taken`; then the old names are gone. Services
 * are kept by address and port, and there is nothing to tell: whoever is asked first knows who has both now.
 */
export class DepartedNames implements Departures {
  readonly #byIp: RecentMap<Departed>;
  readonly #services: RecentMap<ServicePort>;
  readonly #nodePorts: RecentMap<ServicePort>;

  /** `nowMs` must not go backward. */
  constructor(nowMs: () => number, maxAddresses = MAX_ADDRESSES) {
    this.#byIp = new RecentMap(nowMs, KEEP_MS, maxAddresses);
    this.#services = new RecentMap(nowMs, KEEP_MS, maxAddresses);
    this.#nodePorts = new RecentMap(nowMs, KEEP_MS, maxAddresses);
  }

  serviceLeft(ip: string, port: number, service: ServicePort): void {
    this.#services.set(`${ip} ${port}`, service);
  }

  nodePortLeft(nodePort: number, service: ServicePort): void {
    this.#nodePorts.set(`${nodePort}`, service);
  }

  podLeft(ip: string, pod: PodName): void {
    this.#byIp.set(ip, { pod, endpoints: this.#of(ip, pod)?.endpoints ?? new Map() });
  }

  /** An endpoint that was left is not ready, whatever it was before. One that is no pod has no name to keep. */
  endpointLeft(ip: string, port: number, state: EndpointState): void {
    if (state.namespace === undefined || state.pod === undefined) return;
    const before = this.#of(ip, { namespace: state.namespace, name: state.pod });
    const endpoints = new Map(before?.endpoints).set(port, { ...state, ready: false });
    this.#byIp.set(ip, { pod: before?.pod, endpoints });
  }

  /** The address has somebody: names of others are forgotten. */
  taken(ip: string, who: Who): void {
    if (this.#of(ip, who) === undefined) this.#byIp.delete(ip);
  }

  serviceAt(ip: string, port: number): ServicePort | undefined {
    return this.#services.get(`${ip} ${port}`);
  }

  /** Whether the address is one of a node is for others to know. */
  serviceAtNodePort(nodePort: number): ServicePort | undefined {
    return this.#nodePorts.get(`${nodePort}`);
  }

  podAt(ip: string): PodName | undefined {
    return this.#byIp.get(ip)?.pod;
  }

  endpointAt(ip: string, port: number): EndpointState | undefined {
    return this.#byIp.get(ip)?.endpoints.get(port);
  }

  /** What is kept of an address, if all of it is about this pod. */
  #of(ip: string, { namespace, name }: Who): Departed | undefined {
    const departed = this.#byIp.get(ip);
    if (!departed) return undefined;
    const { pod, endpoints } = departed;
    const isSame =
      (!pod || (pod.namespace === namespace && pod.name === name)) &&
      [...endpoints.values()].every((state) => state.namespace === namespace && state.pod === name);
    return isSame ? departed : undefined;
  }
}
