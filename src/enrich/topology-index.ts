import { isLoopback } from '../lib/is-loopback.ts';
import type { BackendChoice, EndpointState, PodName, ServicePort, Topology } from '../model/topology.ts';
import { BackendChoices } from './backend-choices.ts';
import { chooseEndpoint, choosePod, chooseService, type PodClaim, type ServiceClaim } from './choose.ts';
import { Claims } from './claims.ts';
import { type ObjectRef, refKey } from './metadata.ts';
import { NodeAddresses } from './node-addresses.ts';
import type { EndpointSliceRecord } from './read-endpoint-slice.ts';
import type { PodRecord } from './read-pod.ts';
import type { ServiceRecord } from './read-service.ts';

/** Told while an object is set or removed; what it asks the index then may be half of the change. */
export interface Departures {
  podLeft(ip: string, pod: PodName): void;
  endpointLeft(ip: string, port: number, state: EndpointState): void;
}

/**
 * The topology as a set of objects that come and go one at a time, in any order; each is known by its namespace
 * and name within its kind. Setting an object replaces its earlier state, removing one that is not there does
 * nothing. Addresses asked for must be canonical (lib/canonical-ip.ts), as decode/ gives them.
 */
export class TopologyIndex implements Topology {
  readonly #services = new Claims<ServiceClaim, ServicePort>(chooseService);
  readonly #nodePorts = new Claims<ServiceClaim, ServicePort>(chooseService);
  readonly #endpoints: Claims<EndpointState, EndpointState>;
  readonly #pods: Claims<PodClaim, PodName>;
  readonly #nodes = new NodeAddresses();
  readonly #servicePorts = new Map<string, readonly ServicePort[]>();
  readonly #backendChoices: BackendChoices;

  /**
   * `nodeName` is this node: some Services have other backends on every node. Without it, theirs are not known.
   * `departures` is told who left an address that nobody has taken over.
   */
  constructor(nodeName?: string, departures?: Departures) {
    this.#backendChoices = new BackendChoices(nodeName);
    this.#pods = new Claims(choosePod, departures && ((ip, { answer }) => departures.podLeft(ip, answer)));
    this.#endpoints = new Claims(
      chooseEndpoint,
      departures &&
        ((key, state) => {
          const [ip, port] = key.split(' ');
          departures.endpointLeft(ip!, Number(port), state);
        }),
    );
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
    this.#services.set(refKey(service), byAddress);
    this.#nodePorts.set(refKey(service), byNodePort);
    this.#servicePorts.set(
      refKey(service),
      ports.map(({ port }) => ({ namespace, name, port })),
    );
    this.#backendChoices.setService(service);
  }

  removeService(service: ObjectRef): void {
    this.#services.delete(refKey(service));
    this.#nodePorts.delete(refKey(service));
    this.#servicePorts.delete(refKey(service));
    this.#backendChoices.removeService(service);
  }

  /** Every port of every Service. */
  *services(): Iterable<ServicePort> {
    for (const ports of this.#servicePorts.values()) yield* ports;
  }

  setEndpointSlice(slice: EndpointSliceRecord): void {
    const said = new Map<string, EndpointState>();
    for (const { ips, state } of slice.endpoints) {
      for (const ip of ips) for (const { port } of slice.ports) said.set(socketKey(ip, port), state);
    }
    this.#endpoints.set(refKey(slice), said);
    this.#backendChoices.setSlice(slice);
  }

  removeEndpointSlice(slice: ObjectRef): void {
    this.#endpoints.delete(refKey(slice));
    this.#backendChoices.removeSlice(slice);
  }

  setPod(pod: PodRecord): void {
    const { namespace, name, workload, node, ips, nodeIps, created, deleting } = pod;
    const claim = { answer: { namespace, name, workload, node }, created, deleting };
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
    return service && (isLoopback(ip) || this.nodeAt(ip) !== undefined) ? service : undefined;
  }

  podAt(ip: string): PodName | undefined {
    return this.#pods.get(ip);
  }

  nodeAt(ip: string): string | undefined {
    return this.#nodes.get(ip);
  }

  endpointAt(ip: string, port: number): EndpointState | undefined {
    return this.#endpoints.get(socketKey(ip, port));
  }

  backendChoice(service: ServicePort, v6: boolean): BackendChoice | undefined {
    return this.#backendChoices.get(service, v6);
  }
}

function socketKey(ip: string, port: number): string {
  return `${ip} ${port}`;
}
