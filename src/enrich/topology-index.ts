import { isLoopback } from '../lib/is-loopback.ts';
import type { BackendChoice, EndpointState, PodName, ServicePort, Topology } from '../model/topology.ts';
import { BackendChoices } from './backend-choices.ts';
import { choosePod, chooseService, type PodClaim, type ServiceClaim } from './choose.ts';
import { Claims } from './claims.ts';
import { type ObjectRef, refKey } from './metadata.ts';
import { NodeAddresses } from './node-addresses.ts';
import type { EndpointSliceRecord } from './read-endpoint-slice.ts';
import type { PodRecord } from './read-pod.ts';
import type { ServiceRecord } from './read-service.ts';
import { SliceStore } from './slice-store.ts';

/** Told while an object is set or removed; what it asks the index then may be half of the change. */
export interface Departures {
  serviceLeft(ip: string, port: number, service: ServicePort): void;
  nodePortLeft(nodePort: number, service: ServicePort): void;
  podLeft(ip: string, pod: PodName): void;
  endpointLeft(ip: string, port: number, state: EndpointState): void;
}

/**
 * The topology as a set of objects that come and go one at a time, in any order; each is known by its namespace
 * and name within its kind. Setting an object replaces its earlier state, removing one that is not there does
 * nothing. Addresses asked for must be canonical (lib/canonical-ip.ts), as decode/ gives them.
 */
export class TopologyIndex implements Topology {
  readonly #services: Claims<ServiceClaim, ServicePort>;
  readonly #nodePorts: Claims<ServiceClaim, ServicePort>;
  readonly #slices: SliceStore;
  readonly #pods: Claims<PodClaim, PodName>;
  readonly #nodes = new NodeAddresses();
  readonly #backendChoices: BackendChoices;

  /**
   * `nodeName` is this node: some Services have other backends on every node. Without it, theirs are not known.
   * `departures` is told who left an address that nobody has taken over.
   */
  constructor(nodeName?: string, departures?: Departures) {
    this.#slices = new SliceStore(
      departures && ((ip, port, state) => departures.endpointLeft(ip, port, state)),
    );
    this.#backendChoices = new BackendChoices(nodeName, this.#slices);
    this.#services = new Claims(
      chooseService,
      departures && ((key, { answer }) => departures.serviceLeft(...socketOf(key), answer)),
    );
    this.#nodePorts = new Claims(
      chooseService,
      departures && ((port, { answer }) => departures.nodePortLeft(Number(port), answer)),
    );
    this.#pods = new Claims(choosePod, departures && ((ip, { answer }) => departures.podLeft(ip, answer)));
  }

  setService(service: ServiceRecord): void {
    const { namespace, name, created, addresses, ports } = service;
    const byAddress = new Map<string, ServiceClaim>();
    const byNodePort = new Map<string, ServiceClaim>();
    for (const { port, nodePort } of ports) {
      const claim = { answer: { namespace, name, port }, created };
      for (const ip of addresses) byAddress.set(socketKey(ip, port), claim);
      if (nodePort !== undefined) byNodePort.set(String(nodePort), claim);
    }
    // One text for all that keep it.
    const key = refKey(service);
    this.#services.set(key, byAddress);
    this.#nodePorts.set(key, byNodePort);
    this.#backendChoices.setService(key, service);
  }

  removeService(service: ObjectRef): void {
    const key = refKey(service);
    this.#services.delete(key);
    this.#nodePorts.delete(key);
    this.#backendChoices.removeService(key);
  }

  /** Every port of every Service. */
  *services(): Iterable<ServicePort> {
    for (const { namespace, name, ports } of this.#backendChoices.services()) {
      for (const { port } of ports) yield { namespace, name, port };
    }
  }

  setEndpointSlice(slice: EndpointSliceRecord): void {
    for (const service of this.#slices.set(slice)) this.#backendChoices.changed(service);
  }

  removeEndpointSlice(slice: ObjectRef): void {
    for (const service of this.#slices.remove(slice)) this.#backendChoices.changed(service);
  }

  setPod(pod: PodRecord): void {
    const { namespace, name, workload, node, uid, ips, nodeIps, created, deleting } = pod;
    const answer = { namespace, name, workload, node, ...(uid !== undefined && { uid }) };
    const claim = { answer, created, deleting };
    this.#pods.set(refKey(pod), new Map(ips.map((ip) => [ip, claim])));
    if (node === undefined) this.#nodes.delete(refKey(pod));
    else this.#nodes.set(refKey(pod), node, nodeIps, created);
  }

  removePod(pod: ObjectRef): void {
    this.#pods.delete(refKey(pod));
    this.#nodes.delete(refKey(pod));
  }

  serviceAt(ip: string, port: number): ServicePort | undefined {
    return this.#services.get(socketKey(ip, port));
  }

  serviceAtNodePort(ip: string, port: number): ServicePort | undefined {
    const service = this.#nodePorts.get(String(port));
    return service && this.hasNodePorts(ip) ? service : undefined;
  }

  /** Whether Services with a node port are reached at this address. */
  hasNodePorts(ip: string): boolean {
    return isLoopback(ip) || this.nodeAt(ip) !== undefined;
  }

  podAt(ip: string): PodName | undefined {
    return this.#pods.get(ip);
  }

  nodeAt(ip: string): string | undefined {
    return this.#nodes.get(ip);
  }

  endpointAt(ip: string, port: number): EndpointState | undefined {
    return this.#slices.at(ip, port);
  }

  isEndpoint(service: ServicePort, ip: string, port: number): boolean {
    return this.#backendChoices.isEndpoint(service, ip, port);
  }

  backendChoice(service: ServicePort, v6: boolean): BackendChoice | undefined {
    return this.#backendChoices.get(service, v6);
  }
}

function socketKey(ip: string, port: number): string {
  return `${ip} ${port}`;
}

function socketOf(key: string): [ip: string, port: number] {
  const [ip, port] = key.split(' ');
  return [ip!, Number(port)];
}
