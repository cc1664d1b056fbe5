import type { EventLine } from '../../decode/event-line.ts';

// Indexes into TCP_STATES: the states of an open connection.
const ESTABLISHED = 3;
const LAST_ACK = 6;

/**
 * Whether a TCP line can change anything in the detector: most cannot, and need not be made into events. The filter in
 * the kernel (kernel/filter.ts) keeps the same back from the agent, but that an UPDATE may tell of a reply, and any
 * DESTROY may be the end of a pickup, if the line may be of one that is pending.
 */
export function mayMatter(line: EventLine, mayBePending: boolean): boolean {
  const { type, tcpState, unreplied, portId } = line;
  switch (type) {
    case 'new':
      return tcpState === ESTABLISHED && unreplied && portId === 0;
    case 'update':
      return mayBePending && !unreplied;
    case 'destroy':
      if (mayBePending) return true;
      return !unreplied && (tcpState === -1 || (tcpState >= ESTABLISHED && tcpState <= LAST_ACK));
  }
}
