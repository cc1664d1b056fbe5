import type { Topology } from '../../src/model/topology.ts';
import type { ApiObject, KindName } from '../support/api-objects.ts';

/** What a topology says about addresses: `service 10.0.0.1 80` to `shop/web`, and so on. */
export type Names = Readonly<Record<string, string>>;

/** An endpoint that is no pod has no name to keep. */
const NO_POD = '-';

interface RecordedPort {
  readonly port: number;
}

interface RecordedEndpoint {
  readonly addresses: readonly string[];
  readonly conditions: { readonly ready: boolean };
  readonly targetRef?: { readonly name: string };
}

/**
 * What recorded objects say, read in another way than the agent does. Who left an address keeps it, and is not ready
 * any more.
 */
export class ExpectedNames {
  readonly #objects = new Map<string, { readonly kind: KindName; readonly object: ApiObject }>();
  readonly #names = new Map<string, string>();
  /** Every address that ever had a name. */
  readonly addresses = new Set<string>();

  /** Takes over a change, or an object of a list. */
  apply(kind: KindName, { type, object }: { readonly type: string; readonly object: ApiObject }): void {
    const key = `${kind} ${object.metadata.namespace}/${object.metadata.name}`;
    if (type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, { kind, object });
    for (const [address, name] of this.#names) {
      if (name.startsWith(NO_POD)) this.#names.delete(address);
      else this.#names.set(address, name.replace(' ready', ''));
    }
    for (const [address, name] of Object.entries(this.current())) {
      this.#names.set(address, name);
      this.addresses.add(address);
    }
  }

  /** The time of those who left is over. */
  forget(): void {
    const current = this.current();
    for (const address of this.#names.keys()) if (!(address in current)) this.#names.delete(address);
  }

  /** With those who left. */
  get all(): Names {
    return Object.fromEntries(this.#names);
  }

  objects(): readonly { readonly kind: KindName; readonly object: ApiObject }[] {
    return [...this.#objects.values()];
  }

  /** Without them. */
  current(): Names {
    const names: Record<string, string> = {};
    for (const { kind, object } of this.#objects.values()) {
      if (kind === 'services') Object.assign(names, namesOfService(object));
      else if (kind === 'pods') Object.assign(names, namesOfPod(object));
    }
    return { ...names, ...this.#endpoints() };
  }

  /** Ready where every slice that has it says so. */
  #endpoints(): Names {
    const ready = new Map<string, { readonly name: string; ready: boolean }>();
    for (const { kind, object } of this.#objects.values()) {
      const isHeadless = 'service.kubernetes.io/headless' in (object.metadata.labels ?? {});
      if (kind !== 'endpointslices' || isHeadless) continue;
      for (const { addresses, conditions, targetRef } of (object['endpoints'] ?? []) as RecordedEndpoint[]) {
        for (const { port } of (object['ports'] ?? []) as RecordedPort[]) {
          const key = `endpoint ${addresses[0]} ${port}`;
          const before = ready.get(key)?.ready ?? true;
          ready.set(key, { name: targetRef?.name ?? NO_POD, ready: before && conditions.ready });
        }
      }
    }
    return Object.fromEntries([...ready].map(([key, said]) => [key, endpointText(said.name, said.ready)]));
  }
}

/** What the topology says about these addresses; those it knows nothing of are left out. */
export function namesIn(topology: Topology, addresses: Iterable<string>): Names {
  const names: Record<string, string> = {};
  for (const address of addresses) {
    const [what, ip, port] = address.split(' ') as [string, string, string];
    const name = nameOf(topology, what, ip, Number(port));
    if (name !== undefined) names[address] = name;
  }
  return names;
}

function nameOf(topology: Topology, what: string, ip: string, port: number): string | undefined {
  if (what === 'pod') return topology.podAt(ip)?.name;
  if (what === 'service') return topology.serviceAt(ip, port)?.name;
  const endpoint = topology.endpointAt(ip, port);
  return endpoint && endpointText(endpoint.pod ?? NO_POD, endpoint.ready === true);
}

function endpointText(pod: string, ready: boolean): string {
  return `${pod}${ready ? ' ready' : ''}`;
}

function namesOfService({ metadata, spec }: ApiObject): Names {
  const { clusterIP, ports = [] } = spec as { clusterIP: string; ports?: readonly RecordedPort[] };
  if (clusterIP === 'None') return {};
  return Object.fromEntries(ports.map(({ port }) => [`service ${clusterIP} ${port}`, metadata.name]));
}

function namesOfPod({ metadata, spec, status }: ApiObject): Names {
  const { podIP, phase } = status as { podIP?: string; phase: string };
  const hasNone = podIP === undefined || spec!['hostNetwork'] || phase === 'Succeeded' || phase === 'Failed';
  return hasNone ? {} : { [`pod ${podIP}`]: metadata.name };
}
