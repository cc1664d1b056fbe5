import type { EventLine } from '../../decode/event-line.ts';
import type { TcpTimeouts } from '../../lib/tcp-timeouts.ts';

/** The timeout that is in force in each state, by its index in TCP_STATES. */
const NAMES: Readonly<Partial<Record<number, keyof TcpTimeouts>>> = {
  3: 'established',
  4: 'finWait',
  5: 'closeWait',
  6: 'lastAck',
};
/** Times come in whole seconds, and wobble by one. */
const WOBBLE = 1;

/**
 * The kernel's timeouts, which a recording does not have, from an UPDATE: one that changes the state sets the timer to
 * the whole timeout of the new state. Data that waits for its acknowledgement makes that of ESTABLISHED shorter.
 */
export function learnTimeouts(known: TcpTimeouts, line: EventLine): TcpTimeouts {
  const { tcpState, timeoutSeconds, unreplied, assured } = line;
  const name = NAMES[tcpState];
  if (name === undefined || timeoutSeconds < 1 || unreplied || !assured) return known;
  const seconds = known[name];
  if (timeoutSeconds <= seconds && timeoutSeconds >= seconds - WOBBLE) return known;
  if (name === 'established' && Math.abs(timeoutSeconds - known.unacknowledged) <= WOBBLE) return known;
  return { ...known, [name]: timeoutSeconds };
}
