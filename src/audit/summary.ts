import { RISK_REASONS, type RiskReason } from '../model/at-risk.ts';
import type { NamedClient, NamedService } from '../model/named-finding.ts';
import type { BackendChoice } from '../model/topology.ts';
import { breaksAt, type RiskContext, riskOf } from './at-risk.ts';
import { ALIVE, GONE, type Slot, V6 } from './flow-columns.ts';

type ServiceName = Pick<NamedService, 'namespace' | 'name' | 'servicePort' | 'known'>;
type ClientName = Pick<NamedClient, 'namespace' | 'workload'>;

/** What the topology says of the two ends of a flow. */
export interface FlowNames {
  service(
    ip: string,
    port: number,
  ): { readonly name: ServiceName; readonly choice: BackendChoice | undefined };
  client(ip: string): ClientName;
}

/** What the flows of a store come to, by Service, client and reason. */
export interface AuditSummary {
  readonly flows: number;
  readonly services: readonly {
    readonly service: ServiceName;
    readonly connections: number;
    /** When the first of those at risk breaks, in ticks; undefined if none is at risk. */
    readonly nextBreakAt: number | undefined;
  }[];
  readonly atRisk: readonly {
    readonly service: ServiceName;
    readonly client: ClientName;
    readonly reason: RiskReason;
    readonly connections: number;
  }[];
}

interface Service {
  readonly name: ServiceName;
  readonly choice: BackendChoice | undefined;
  connections: number;
  nextBreakAt: number | undefined;
  /** Connections at risk by client, one number a reason. */
  readonly clients: Map<Client, number[]>;
}

interface Client {
  readonly name: ClientName;
}

/** Clients from outside of the cluster can be any number; beyond this many names are looked up again. */
const MAX_CACHED_CLIENTS = 4096;
const V6_KEY = 2 ** 32;

/** Goes over a store and counts. A quarter of a million flows have few Services and clients: each is named once. */
export class Audit {
  readonly #context: RiskContext;
  readonly #names: FlowNames;
  /** Called for every flow at risk. */
  readonly #onRisk: ((slot: Slot, reason: RiskReason) => void) | undefined;
  readonly #services = new Map<number, Service>();
  readonly #clients = new Map<number, Client>();
  readonly #clientsByName = new Map<string, Client>();
  #flows = 0;
  /** The one asked for last: neighbours are often of the same. */
  #last: { readonly key: number; readonly service: Service } | undefined;

  constructor(context: RiskContext, names: FlowNames, onRisk?: (slot: Slot, reason: RiskReason) => void) {
    this.#context = context;
    this.#names = names;
    this.#onRisk = onRisk;
  }

  /** Counts the next `count` slots from `from` on. Returns where to go on, -1 at the end. */
  visit(from: Slot, count: number): Slot {
    const { store } = this.#context;
    const { flags } = store.columns;
    const end = Math.min(from + count, store.slots);
    for (let slot = from; slot < end; slot++) {
      if ((flags[slot]! & (ALIVE | GONE)) === ALIVE) this.#count(slot);
    }
    return end < store.slots ? end : -1;
  }

  summary(): AuditSummary {
    const services = [...this.#services.values()];
    return {
      flows: this.#flows,
      services: services.map(({ name, connections, nextBreakAt }) => ({
        service: name,
        connections,
        nextBreakAt,
      })),
      atRisk: services.flatMap((service) =>
        [...service.clients].flatMap(([client, counts]) =>
          RISK_REASONS.flatMap((reason, i) =>
            counts[i] ? [{ service: service.name, client: client.name, reason, connections: counts[i] }] : [],
          ),
        ),
      ),
    };
  }

  #count(slot: Slot): void {
    this.#flows++;
    const service = this.#serviceOf(slot);
    service.connections++;
    const reason = riskOf(this.#context, slot, service.choice);
    if (reason === undefined) return;
    const at = breaksAt(this.#context, slot);
    if (service.nextBreakAt === undefined || at < service.nextBreakAt) service.nextBreakAt = at;
    const client = this.#clientOf(slot);
    let counts = service.clients.get(client);
    if (!counts) {
      counts = RISK_REASONS.map(() => 0);
      service.clients.set(client, counts);
    }
    counts[RISK_REASONS.indexOf(reason)]!++;
    this.#onRisk?.(slot, reason);
  }

  #serviceOf(slot: Slot): Service {
    const { ports, ips, flags } = this.#context.store.columns;
    const i = slot * 4 + 1;
    const key = (ips[i]! + (flags[slot]! & V6 ? V6_KEY : 0)) * 65536 + ports[i]!;
    if (key === this.#last?.key) return this.#last.service;
    const known = this.#services.get(key);
    if (known) {
      this.#last = { key, service: known };
      return known;
    }
    const { dst, dport } = this.#context.store.tuple(slot, 0);
    const service = {
      ...this.#names.service(dst, dport),
      connections: 0,
      nextBreakAt: undefined,
      clients: new Map(),
    };
    this.#services.set(key, service);
    return service;
  }

  #clientOf(slot: Slot): Client {
    const { ips, flags } = this.#context.store.columns;
    const key = ips[slot * 4]! + (flags[slot]! & V6 ? V6_KEY : 0);
    const known = this.#clients.get(key);
    if (known) return known;
    const name = this.#names.client(this.#context.store.tuple(slot, 0).src);
    const text = `${name.namespace}/${name.workload}`;
    const client = this.#clientsByName.get(text) ?? { name };
    this.#clientsByName.set(text, client);
    if (this.#clients.size >= MAX_CACHED_CLIENTS) this.#clients.clear();
    this.#clients.set(key, client);
    return client;
  }
}
