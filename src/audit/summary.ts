import { COUNTED_REASONS, type CountedReason, type RiskReason } from '../model/at-risk.ts';
import type { NamedClient, NamedService } from '../model/named-finding.ts';
import type { SkipReason } from '../model/protection.ts';
import type { BackendChoice } from '../model/topology.ts';
import { breaksAt, type RiskContext, riskOf } from './at-risk.ts';
import { DueList } from './due-list.ts';
import { ALIVE, GONE, RENEWAL_SKIPPED, type Slot, V6 } from './flow-columns.ts';
import { isDue, type ProtectionRule, protectionOf } from './protection.ts';

export type ServiceName = Pick<NamedService, 'namespace' | 'name' | 'servicePort' | 'known'>;
export type ClientName = Pick<NamedClient, 'namespace' | 'workload'>;

/** What the topology says of the two ends of a flow. */
export interface FlowNames {
  service(
    ip: string,
    port: number,
  ): {
    readonly name: ServiceName;
    readonly choice: BackendChoice | undefined;
    /** Whether the Service has such a backend; undefined if it is not known. */
    readonly isEndpoint?: ((ip: string, port: number) => boolean) | undefined;
  };
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
    readonly reason: CountedReason;
    readonly connections: number;
  }[];
  /** Connections whose entries are renewed when they are due. */
  readonly protected: readonly {
    readonly service: ServiceName;
    readonly client: ClientName;
    readonly connections: number;
  }[];
  /** Connections that are not protected, by why: all there are. */
  readonly unprotected: ReadonlyMap<SkipReason, number>;
  /** Of those, the ones that became due and are left to expire, each counted once. */
  readonly skipped: ReadonlyMap<SkipReason, number>;
  /** Connections whose entries are to be renewed now. */
  readonly due: DueList<ServiceName>;
}

interface Service {
  readonly name: ServiceName;
  readonly choice: BackendChoice | undefined;
  readonly isEndpoint?: ((ip: string, port: number) => boolean) | undefined;
  /** Of backends, what was answered. */
  readonly backends: Map<number, boolean>;
  connections: number;
  nextBreakAt: number | undefined;
  /** Connections at risk by client, one number a reason. */
  readonly clients: Map<Client, number[]>;
  readonly protectedClients: Map<Client, number>;
}

interface Client {
  readonly name: ClientName;
}

/** `unprotected`: why its entry is not renewed; undefined if none are. */
type OnRisk = (slot: Slot, reason: RiskReason, unprotected: SkipReason | undefined) => void;

/** Clients from outside of the cluster can be any number; beyond this many names are looked up again. */
const MAX_CACHED_CLIENTS = 4096;
const V6_KEY = 2 ** 32;

/** Goes over a store and counts. A quarter of a million flows have few Services and clients: each is named once. */
export class Audit {
  readonly #context: RiskContext;
  readonly #names: FlowNames;
  /** Called for every flow at risk. */
  readonly #onRisk: OnRisk | undefined;
  readonly #unprotected = new Map<SkipReason, number>();
  readonly #skipped = new Map<SkipReason, number>();
  readonly #due = new DueList<ServiceName>();
  readonly #services = new Map<number, Service>();
  readonly #clients = new Map<number, Client>();
  readonly #clientsByName = new Map<string, Client>();
  #flows = 0;
  /** The one asked for last: neighbours are often of the same. */
  #last: { readonly key: number; readonly service: Service } | undefined;

  constructor(context: RiskContext, names: FlowNames, onRisk?: OnRisk) {
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
          COUNTED_REASONS.flatMap((reason, i) =>
            counts[i] ? [{ service: service.name, client: client.name, reason, connections: counts[i] }] : [],
          ),
        ),
      ),
      protected: services.flatMap(({ name, protectedClients }) =>
        Array.from(protectedClients, ([client, connections]) => ({
          service: name,
          client: client.name,
          connections,
        })),
      ),
      unprotected: this.#unprotected,
      skipped: this.#skipped,
      due: this.#due,
    };
  }

  #count(slot: Slot): void {
    this.#flows++;
    const service = this.#serviceOf(slot);
    service.connections++;
    const { protection } = this.#context;
    const protects = protection && this.#protect(slot, service, protection);
    const reason = riskOf(this.#context, slot, service.choice);
    if (reason === undefined) return;
    if (protects === 'protected') {
      this.#countRisk(slot, service, 'protected');
      return;
    }
    const at = breaksAt(this.#context.store, slot);
    if (service.nextBreakAt === undefined || at < service.nextBreakAt) service.nextBreakAt = at;
    this.#countRisk(slot, service, reason);
    this.#onRisk?.(slot, reason, protects);
  }

  #countRisk(slot: Slot, service: Service, reason: CountedReason): void {
    const client = this.#clientOf(slot);
    let counts = service.clients.get(client);
    if (!counts) {
      counts = COUNTED_REASONS.map(() => 0);
      service.clients.set(client, counts);
    }
    counts[COUNTED_REASONS.indexOf(reason)]!++;
  }

  /** Counts what is protected, and what is due. */
  #protect(slot: Slot, service: Service, rule: ProtectionRule): 'protected' | SkipReason {
    const { store } = this.#context;
    const verdict = protectionOf(this.#context, rule, slot, this.#isEndpoint(slot, service));
    if (verdict === 'protected') {
      const client = this.#clientOf(slot);
      increment(service.protectedClients, client);
    } else increment(this.#unprotected, verdict);
    if (!store.isPresent(slot) || !isDue(store, rule, slot)) return verdict;
    const { expiresAt, flags } = store.columns;
    if (verdict === 'protected') {
      this.#due.add(slot, expiresAt[slot]! - rule.nowTick, service.name);
    } else if (!(flags[slot]! & RENEWAL_SKIPPED)) {
      flags[slot]! |= RENEWAL_SKIPPED;
      increment(this.#skipped, verdict);
    }
    return verdict;
  }

  #isEndpoint(slot: Slot, { isEndpoint, backends }: Service): boolean | undefined {
    if (!isEndpoint) return undefined;
    const key = this.#keyOf(slot, 2);
    const known = backends.get(key);
    if (known !== undefined) return known;
    const { src, sport } = this.#context.store.tuple(slot, 2);
    const answer = isEndpoint(src, sport);
    backends.set(key, answer);
    return answer;
  }

  /** An address with its port, as one number. `end` 1: the original destination, 2: the reply source. */
  #keyOf(slot: Slot, end: 1 | 2): number {
    const { ports, ips, flags } = this.#context.store.columns;
    const i = slot * 4 + end;
    return (ips[i]! + (flags[slot]! & V6 ? V6_KEY : 0)) * 65536 + ports[i]!;
  }

  #serviceOf(slot: Slot): Service {
    const key = this.#keyOf(slot, 1);
    if (key === this.#last?.key) return this.#last.service;
    const known = this.#services.get(key);
    if (known) {
      this.#last = { key, service: known };
      return known;
    }
    const { dst, dport } = this.#context.store.tuple(slot, 0);
    const service = {
      ...this.#names.service(dst, dport),
      backends: new Map(),
      connections: 0,
      nextBreakAt: undefined,
      clients: new Map(),
      protectedClients: new Map(),
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

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
