import type { Pickup } from '../model/finding.ts';
import { type FlowEvent, PORT_ID_NOT_TOLD, type TcpState } from '../model/flow-event.ts';

/** What the evidence says of the entry that was lost; its events come before the pickup's own. */
export interface LossEvidence {
  /** Its DESTROY, if that was seen. */
  readonly destroy: FlowEvent | undefined;
  /** The entry as a snapshot of the table last had it. */
  readonly snapshot: FlowEvent | undefined;
  /** Before Linux 5.11 a DESTROY does not say it, but a snapshot does. */
  readonly tcpState: TcpState | undefined;
}

export function lossEvidence({ evidence }: Pick<Pickup, 'evidence'>): LossEvidence {
  const pickup = evidence.findIndex((event) => event.type === 'new');
  const before = pickup === -1 ? evidence : evidence.slice(0, pickup);
  const destroy = before.find((event) => event.type === 'destroy');
  const snapshot = before.find((event) => event.type === 'snapshot');
  return { destroy, snapshot, tcpState: destroy?.tcpState ?? snapshot?.tcpState };
}

/** The netlink port id of who deleted the entry, if a program did and its event was seen. */
export function deleterPortId(pickup: Pick<Pickup, 'cause' | 'evidence'>): number | undefined {
  if (pickup.cause !== 'deleted') return undefined;
  const { destroy } = lossEvidence(pickup);
  return destroy && portIdOf(destroy);
}

/** The netlink port id of the program that caused the event, if one did and it is known. */
export function portIdOf({ portId }: FlowEvent): number | undefined {
  return portId === 0 || portId === PORT_ID_NOT_TOLD ? undefined : portId;
}
