import type { Tuple } from './flow.ts';
import type { FlowEvent } from './flow-event.ts';

/** What the last snapshots of the table say of a flow. */
export interface KnownFlow {
  /** The entry as it was last seen, `type: 'snapshot'`; `atMs` is when, epoch milliseconds. */
  readonly entry: FlowEvent;
  /** The same moment, monotonic milliseconds. */
  readonly seenAtMs: number;
  /** When a later snapshot found it gone; undefined while it was in the last one. Monotonic milliseconds. */
  readonly goneAtMs: number | undefined;
  /** Last packet, epoch milliseconds, if the remaining times told it. */
  readonly lastActivityMs: number | undefined;
}

/** Flows as snapshots of the table had them, for losses that no event announced. */
export interface KnownFlows {
  /** The flow its client would continue with a packet of this tuple. */
  findByOriginal(zone: number, tuple: Tuple): KnownFlow | undefined;
  /** The flow its server would continue with a packet of this tuple. */
  findByReply(zone: number, tuple: Tuple): KnownFlow | undefined;
  /** Its loss is known from elsewhere now, or it belongs to an earlier connection. */
  remove(zone: number, original: Tuple): void;
}
