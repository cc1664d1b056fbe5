import { Interner } from '../lib/interner.ts';
import type { EndpointState } from '../model/topology.ts';
import { chooseEndpoint } from './choose.ts';
import { type ObjectRef, refKey } from './metadata.ts';
import type { EndpointSliceRecord } from './read-endpoint-slice.ts';

/** One address of an endpoint: there are a hundred thousand, so it is small, and stays while its slice changes. */
export interface KeptEndpoint {
  readonly slice: KeptSlice;
  readonly ip: string;
  namespace: string | undefined;
  pod: string | undefined;
  node: string | undefined;
  ready: boolean | undefined;
  serving: boolean;
  terminating: boolean;
  /** Of several addresses an endpoint may have, the one that is used. */
  isFirst: boolean;
}

export interface KeptSlice {
  readonly namespace: string;
  service: string | undefined;
  ports: EndpointSliceRecord['ports'];
  endpoints: readonly KeptEndpoint[];
}

/** More than a cluster has nodes. */
const MAX_NODE_NAMES = 10_000;

/**
 * The EndpointSlices, by what is asked: who is behind an address and port, and which slices a Service has. Several slices
 * may claim one address; what one takes back, another may still say. A change costs as much as its slice has endpoints,
 * and touches only those that changed.
 */
export class SliceStore {
  readonly #slices = new Map<string, KeptSlice>();
  /** By the key of the Service. */
  readonly #ofService = new Map<string, KeptSlice[]>();
  /** One, or several in the order they were heard of. */
  readonly #byIp = new Map<string, KeptEndpoint | KeptEndpoint[]>();
  readonly #nodes = new Interner(MAX_NODE_NAMES);
  readonly #onVacant: ((ip: string, port: number, last: EndpointState) => void) | undefined;

  /** `onVacant` is told each address and port that nobody claims any more, and what was said of it last. */
  constructor(onVacant?: (ip: string, port: number, last: EndpointState) => void) {
    this.#onVacant = onVacant;
  }

  /** The slices that name this Service. */
  ofService(key: string): readonly KeptSlice[] {
    return this.#ofService.get(key) ?? [];
  }

  at(ip: string, port: number): EndpointState | undefined {
    const claims = this.#claims(ip).filter(({ slice }) => hasPort(slice.ports, port));
    return claims.length === 0 ? undefined : chooseEndpoint(claims.map(stateOf));
  }

  /** Whether a slice of this Service has the address, with this port under that name. */
  hasEndpoint(service: string, portName: string, ip: string, port: number): boolean {
    return this.#claims(ip).some(
      ({ slice }) =>
        ownerOf(slice) === service &&
        slice.ports.some((each) => each.name === portName && each.port === port),
    );
  }

  /** Replaces what the slice said before. Returns the keys of the Services it is or was of. */
  set(record: EndpointSliceRecord): Iterable<string> {
    const key = refKey(record);
    const { namespace, service, ports } = record;
    const before = this.#slices.get(key);
    const slice = before ?? { namespace, service: undefined, ports, endpoints: [] };
    if (!before) this.#slices.set(key, slice);
    const owners = this.#own(slice, service);
    this.#say(slice, ports, record.endpoints);
    return owners;
  }

  /** Returns the key of the Service it was of, if any. */
  remove(ref: ObjectRef): Iterable<string> {
    const key = refKey(ref);
    const slice = this.#slices.get(key);
    if (!slice) return [];
    this.#slices.delete(key);
    const owners = this.#own(slice, undefined);
    this.#say(slice, slice.ports, []);
    return owners;
  }

  #own(slice: KeptSlice, service: string | undefined): Set<string> {
    const before = ownerOf(slice);
    slice.service = service;
    const after = ownerOf(slice);
    if (before !== undefined && before !== after) {
      const others = this.ofService(before).filter((each) => each !== slice);
      if (others.length === 0) this.#ofService.delete(before);
      else this.#ofService.set(before, others);
    }
    if (after !== undefined && before !== after) {
      const slices = this.#ofService.get(after);
      if (slices) slices.push(slice);
      else this.#ofService.set(after, [slice]);
    }
    return new Set([before, after].filter((key) => key !== undefined));
  }

  #say(slice: KeptSlice, ports: KeptSlice['ports'], said: EndpointSliceRecord['endpoints']): void {
    const { endpoints: before, ports: portsBefore } = slice;
    slice.ports = ports;
    const now = new Set<KeptEndpoint>();
    for (const { ips, state, serving, terminating } of said) {
      ips.forEach((ip, i) => {
        const endpoint = this.#claim(slice, ip, now);
        now.add(endpoint);
        endpoint.namespace = state.namespace === slice.namespace ? slice.namespace : state.namespace;
        // Of equal strings the one that is kept already is old in the heap; the other can go.
        if (endpoint.pod !== state.pod) endpoint.pod = state.pod;
        if (endpoint.node !== state.node) endpoint.node = state.node && this.#nodes.intern(state.node);
        endpoint.ready = state.ready;
        endpoint.serving = serving;
        endpoint.terminating = terminating;
        endpoint.isFirst = i === 0;
      });
    }
    slice.endpoints = [...now];
    for (const endpoint of before) if (!now.has(endpoint)) this.#drop(endpoint);
    if (!this.#onVacant) return;
    for (const endpoint of before) {
      for (const { port } of portsBefore) {
        if (now.has(endpoint) && hasPort(ports, port)) continue;
        const isClaimed = this.#claims(endpoint.ip).some((claim) => hasPort(claim.slice.ports, port));
        if (!isClaimed) this.#onVacant(endpoint.ip, port, stateOf(endpoint));
      }
    }
  }

  /** The slice's own claim on the address, as the last one heard of; not one of `now`, which have been said already. */
  #claim(slice: KeptSlice, ip: string, now: ReadonlySet<KeptEndpoint>): KeptEndpoint {
    const found = this.#byIp.get(ip);
    const isOwn = (claim: KeptEndpoint) => claim.slice === slice && !now.has(claim);
    if (found !== undefined && !Array.isArray(found) && isOwn(found)) return found;
    const claims = found === undefined ? [] : [found].flat();
    const own = claims.find(isOwn) ?? newEndpoint(slice, ip);
    const all = [...claims.filter((claim) => claim !== own), own];
    this.#byIp.set(ip, all.length === 1 ? own : all);
    return own;
  }

  #drop(endpoint: KeptEndpoint): void {
    const others = this.#claims(endpoint.ip).filter((claim) => claim !== endpoint);
    if (others.length === 0) this.#byIp.delete(endpoint.ip);
    else this.#byIp.set(endpoint.ip, others.length === 1 ? others[0]! : others);
  }

  #claims(ip: string): readonly KeptEndpoint[] {
    const found = this.#byIp.get(ip);
    if (found === undefined) return [];
    return Array.isArray(found) ? found : [found];
  }
}

function newEndpoint(slice: KeptSlice, ip: string): KeptEndpoint {
  return {
    slice,
    ip,
    namespace: undefined,
    pod: undefined,
    node: undefined,
    ready: undefined,
    serving: false,
    terminating: false,
    isFirst: false,
  };
}

function stateOf({ namespace, pod, node, ready }: KeptEndpoint): EndpointState {
  return { namespace, pod, node, ready };
}

function ownerOf({ namespace, service }: KeptSlice): string | undefined {
  return service === undefined ? undefined : refKey({ namespace, name: service });
}

function hasPort(ports: KeptSlice['ports'], port: number): boolean {
  return ports.some((each) => each.port === port);
}
