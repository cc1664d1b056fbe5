import type { Endpoint, EntryLost, Pickup } from './finding.ts';

/** A connection's client. What is not known is undefined. */
export interface NamedClient extends Endpoint {
  readonly namespace: string | undefined;
  readonly pod: string | undefined;
  /** `Deployment/checkout`, `Pod/shell`, `Node/node-1` for the host network. */
  readonly workload: string | undefined;
  /** metadata.uid of the pod. */
  readonly podUid?: string;
}

/** The Service a client used; `ip` and `port` are those the client connected to. */
export interface NamedService extends Endpoint {
  /** Empty for an address no Service is known for. */
  readonly namespace: string;
  /** The address itself if no Service is known for it. */
  readonly name: string;
  /** The Service port's number: for a node port the Service's port, not the node's. */
  readonly servicePort: number;
  /** Whether the topology knows it. */
  readonly known: boolean;
}

/** A backend. What is not known is undefined. */
export interface NamedBackend extends Endpoint {
  readonly namespace: string | undefined;
  readonly pod: string | undefined;
  readonly node: string | undefined;
  readonly ready: boolean | undefined;
}

export interface NamedPickup extends Pickup {
  readonly client: NamedClient;
  readonly service: NamedService;
  readonly oldBackend: NamedBackend | undefined;
  readonly newBackend: NamedBackend | undefined;
}

export interface NamedEntryLost extends EntryLost {
  readonly client: NamedClient;
  readonly service: NamedService;
}

export type NamedFinding = NamedPickup | NamedEntryLost;
