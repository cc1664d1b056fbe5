import type { Tuple } from './flow.ts';
import type { FlowEvent, TcpState } from './flow-event.ts';

/**
 * Why an entry went away: its time ran out; a program deleted it; IPVS forgot the connection; the kernel removed
 * it early; no DESTROY was seen at all; or a DESTROY was seen that does not say (Linux before 5.11).
 */
export const CAUSES = ['timeout', 'deleted', 'ipvs', 'kernel', 'unseen', 'unknown'] as const;
export type Cause = (typeof CAUSES)[number];

/** What became of a mid-stream pickup. `unknown`: it could not be told, for example because the agent stopped. */
export const VERDICTS = ['reset', 'stalled', 'survived', 'unknown'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** The new reply tuple against the old one. `none`: the new entry is not translated at all. */
export const MAPPINGS = ['backend_changed', 'source_changed', 'same', 'none', 'unknown'] as const;
export type Mapping = (typeof MAPPINGS)[number];

/** Who spoke first after the loss. */
export const SENDERS = ['client', 'server'] as const;
export type Sender = (typeof SENDERS)[number];

/** The ways a connection is broken; a subset of the verdicts. */
export const OUTCOMES = ['reset', 'stalled'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** An address with a port. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** The connection as its client opened it: client address and port to Service address and port. */
export type Connection = Tuple & { readonly zone: number };

/** An entry disappeared under a connection that was open. The connection may or may not be used again. */
export interface EntryLost {
  readonly kind: 'entry_lost';
  readonly connection: Connection;
  /** The destination was translated: a Service flow by itself. Else only the topology can tell. */
  readonly translated: boolean;
  readonly cause: Cause;
  /** When it went away; if no event told, when it was last seen. */
  readonly atMs: number;
  readonly tcpState: TcpState | undefined;
}

/** A packet in the middle of a connection made a new entry, and it is now known what became of it. */
export interface Pickup {
  readonly kind: 'pickup';
  readonly connection: Connection;
  /** The old or the new entry has a translated destination. */
  readonly translated: boolean;
  readonly verdict: Verdict;
  readonly mapping: Mapping;
  readonly sender: Sender;
  readonly cause: Cause;
  /** This pickup is the proof that one more connection broke. At most one pickup of a connection has it. */
  readonly broken: boolean;
  readonly oldBackend: Endpoint | undefined;
  readonly newBackend: Endpoint | undefined;
  /** When the old entry went away, if its DESTROY was seen. */
  readonly lostAtMs: number | undefined;
  readonly pickedUpAtMs: number;
  /** From the pickup to the event, or the answer of the kernel, that decided. */
  readonly verdictAfterMs: number;
  /** Time without a packet before the pickup, where the entry's remaining time tells it. */
  readonly idleSeconds: number | undefined;
  /** The events that prove it, oldest first: the loss if seen, the pickup, its end if there was one. */
  readonly evidence: readonly FlowEvent[];
}

export type Finding = EntryLost | Pickup;
