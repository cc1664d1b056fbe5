import {
  type Endpoint,
  endpoint,
  nodeName,
  type PodState,
  type SliceState,
  serviceObject,
  sliceObject,
} from './cluster-objects.ts';
import { podObject } from './cluster-pods.ts';

export type Kind = 'services' | 'endpointslices' | 'pods';

export interface ClusterSize {
  /** Each with one EndpointSlice. */
  readonly services: number;
  readonly endpointsPerService: number;
  /** Of the one node whose agent is measured. */
  readonly pods: number;
}

export interface Change {
  readonly kind: Kind;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** As JSON. */
  readonly object: string;
  readonly version: number;
}

/** The node of the agent. */
export const NODE = nodeName(0);

/** Of so many changes one is of a Service, one of a pod of this node, and the rest are of EndpointSlices. */
const CYCLE = 25;
/** Coprime to every size in use, so that the Services that are rolled are all over the list. */
const STRIDE = 7919;
const API: Readonly<Record<Kind, string>> = {
  services: '"kind":"Service","apiVersion":"v1"',
  endpointslices: '"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1"',
  pods: '"kind":"Pod","apiVersion":"v1"',
};

/**
 * The objects of a cluster in which Deployments are rolled, one pod of a Service at a time:
 *
 *     new endpoint, not ready ──▶ ready ──▶ an old one terminates ──▶ is gone
 *
 * each a change of its EndpointSlice. Pods of the node come and go in the like way; Services get an annotation.
 */
export class ChangingCluster {
  readonly #slices: SliceState[];
  readonly #pods: PodState[];
  readonly #texts: Readonly<Record<Kind, string[]>>;
  #version = 1_000_000;
  #changes = 0;
  #sliceChanges = 0;
  #podChanges = 0;
  #endpoints: number;
  #podNumbers: number;

  constructor({ services, endpointsPerService, pods }: ClusterSize) {
    const ready = (service: number, i: number) =>
      endpoint(service, service * endpointsPerService + i, 'ready');
    this.#slices = Array.from({ length: services }, (_, service) => ({
      service,
      endpoints: Array.from({ length: endpointsPerService }, (_, i) => ready(service, i)),
    }));
    this.#pods = Array.from({ length: pods }, (_, number) => ({ number, phase: 'ready' as const }));
    this.#endpoints = services * endpointsPerService;
    this.#podNumbers = pods;
    this.#texts = {
      services: this.#slices.map(({ service }) => this.#text(serviceObject(service, 0))),
      endpointslices: this.#slices.map((slice) => this.#text(sliceObject(slice))),
      pods: this.#pods.map((pod) => this.#text(podObject(pod, NODE))),
    };
  }

  get version(): number {
    return this.#version;
  }

  /** All objects of a kind as JSON, in the form that lists have them: without kind and apiVersion. */
  list(kind: Kind): readonly string[] {
    return this.#texts[kind];
  }

  change(): Change {
    const at = this.#changes++ % CYCLE;
    if (at === 0) return this.#changeService();
    return at === Math.floor(CYCLE / 2) ? this.#changePod() : this.#changeSlice();
  }

  #changeService(): Change {
    const service = (this.#changes * STRIDE) % this.#slices.length;
    return this.#replace('services', service, serviceObject(service, this.#changes));
  }

  #changeSlice(): Change {
    const step = this.#sliceChanges % 4;
    const at = (Math.floor(this.#sliceChanges++ / 4) * STRIDE) % this.#slices.length;
    const before = this.#slices[at]!;
    const slice = { ...before, endpoints: this.#rolled(before, step) };
    this.#slices[at] = slice;
    return this.#replace('endpointslices', at, sliceObject(slice));
  }

  #rolled({ service, endpoints }: SliceState, step: number): Endpoint[] {
    const [oldest, ...others] = endpoints;
    const newest = endpoints.at(-1)!;
    if (step === 0) return [...endpoints, endpoint(service, this.#endpoints++, 'starting')];
    if (step === 1) return [...endpoints.slice(0, -1), { ...newest, state: 'ready' }];
    return step === 2 ? [{ ...oldest!, state: 'leaving' }, ...others] : others;
  }

  #changePod(): Change {
    const step = this.#podChanges++ % 5;
    const texts = this.#texts.pods;
    if (step === 0) {
      this.#pods.push({ number: this.#podNumbers++, phase: 'scheduled' });
      const text = this.#text(podObject(this.#pods.at(-1)!, NODE));
      texts.push(text);
      return this.#told('pods', 'ADDED', text);
    }
    if (step === 4) {
      const gone = this.#pods.shift()!;
      texts.shift();
      return this.#told('pods', 'DELETED', this.#text(podObject(gone, NODE)));
    }
    const at = step === 3 ? 0 : this.#pods.length - 1;
    const phase = (['running', 'ready', 'leaving'] as const)[step - 1]!;
    const pod = { ...this.#pods[at]!, phase };
    this.#pods[at] = pod;
    return this.#replace('pods', at, podObject(pod, NODE));
  }

  #replace(kind: Kind, at: number, object: object): Change {
    const text = this.#text(object);
    this.#texts[kind][at] = text;
    return this.#told(kind, 'MODIFIED', text);
  }

  #told(kind: Kind, type: Change['type'], text: string): Change {
    return { kind, type, object: `{${API[kind]},${text.slice(1)}`, version: this.#version };
  }

  /** Each object that is made is a new version. */
  #text(object: object): string {
    const version = `"resourceVersion":"${++this.#version}"`;
    return JSON.stringify(object).replace('"resourceVersion":""', version);
  }
}

/** A bookmark as the API server sends it. */
export function bookmark(kind: Kind, version: number): string {
  return `{${API[kind]},"metadata":{"resourceVersion":"${version}","creationTimestamp":null}}`;
}
