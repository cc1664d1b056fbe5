import type { Endpoint } from './finding.ts';
import type { FlowEvent } from './flow-event.ts';
import type { NamedBackend, NamedClient, NamedService } from './named-finding.ts';

/** A conntrack event with the names of who is on it. What is not known is undefined. */
export interface NamedEvent {
  readonly event: FlowEvent;
  /** Who sent the packet that made the entry. After a loss that may be a server. */
  readonly client: NamedClient;
  /** Of TCP only: the topology knows Services of TCP. `known: false`: no Service has that address. */
  readonly service: NamedService | undefined;
  /** Where the packets go. The destination itself if it was not translated. */
  readonly backend: NamedBackend;
  /** The client as the backend sees it, if its address or port was translated. */
  readonly masqueradedAs: Endpoint | undefined;
}
