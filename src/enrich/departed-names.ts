import type { EndpointState, PodName } from '../model/topology.ts';
import type { Departures } from './topology-index.ts';

/** A break is reported when somebody uses the connection, which may be minutes after its backend went. */
const KEEP_MS = 600_000;
const MAX_ADDRESSES = 10_000;

interface Departed {
  readonly untilMs: number;
  pod: PodName | undefined;
  readonly endpoints: Map<number, EndpointState>;
}

/**
 * Who had an address last, for ten minutes after it was left. Bounded: when there are too many, the addresses left
 * first are forgotten first. Whoever takes an address over is told by `taken`; then the old names are gone.
 */
export class DepartedNames implements Departures {
  readonly #nowMs: () => number;
  readonly #maxAddresses: number;
  /** By address, the one left first at the front. */
  readonly #byIp = new Map<string, Departed>();

  /** `nowMs` must not go backward. */
  constructor(nowMs: () => number, maxAddresses = MAX_ADDRESSES) {
    this.#nowMs = nowMs;
    this.#maxAddresses = maxAddresses;
  }

  get size(): number {
    return this.#byIp.size;
  }

  podLeft(ip: string, pod: PodName): void {
    this.#renew(ip, pod).pod = pod;
  }

  /** An endpoint that was left is not ready, whatever it was before. One that is no pod has no name to keep. */
  endpointLeft(ip: string, port: number, state: EndpointState): void {
    if (state.namespace === undefined || state.pod === undefined) return;
    const who = { namespace: state.namespace, name: state.pod };
    this.#renew(ip, who).endpoints.set(port, { ...state, ready: false });
  }

  /** The address has somebody: names of others are forgotten. */
  taken(ip: string, pod: Pick<PodName, 'namespace' | 'name'>): void {
    const departed = this.#byIp.get(ip);
    if (departed && !isOf(departed, pod)) this.#byIp.delete(ip);
  }

  podAt(ip: string): PodName | undefined {
    return this.#get(ip)?.pod;
  }

  endpointAt(ip: string, port: number): EndpointState | undefined {
    return this.#get(ip)?.endpoints.get(port);
  }

  #get(ip: string): Departed | undefined {
    const departed = this.#byIp.get(ip);
    return departed && departed.untilMs > this.#nowMs() ? departed : undefined;
  }

  #renew(ip: string, who: Pick<PodName, 'namespace' | 'name'>): Departed {
    const before = this.#get(ip);
    const kept = before && isOf(before, who) ? before : undefined;
    const departed: Departed = {
      untilMs: this.#nowMs() + KEEP_MS,
      pod: kept?.pod,
      endpoints: kept?.endpoints ?? new Map(),
    };
    this.#byIp.delete(ip);
    this.#byIp.set(ip, departed);
    this.#prune();
    return departed;
  }

  #prune(): void {
    const now = this.#nowMs();
    for (const [ip, { untilMs }] of this.#byIp) {
      if (untilMs > now && this.#byIp.size <= this.#maxAddresses) return;
      this.#byIp.delete(ip);
    }
  }
}

/** Whether all that is kept is about this pod. */
function isOf(
  { pod, endpoints }: Departed,
  { namespace, name }: Pick<PodName, 'namespace' | 'name'>,
): boolean {
  if (pod && (pod.namespace !== namespace || pod.name !== name)) return false;
  return [...endpoints.values()].every((state) => state.namespace === namespace && state.pod === name);
}
