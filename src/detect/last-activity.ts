import { fullTimeout, idleSeconds, type TcpTimeouts } from '../lib/tcp-timeouts.ts';
import { type FlowEvent, TCP_STATES } from '../model/flow-event.ts';
import type { KnownFlow } from '../model/known-flow.ts';

/** When the last packet of a lost entry passed, epoch milliseconds; undefined where its remaining time does not tell. */
export function lastActivity(destroy: FlowEvent, timeouts: TcpTimeouts): number | undefined {
  if (destroy.tcpState === undefined) return undefined;
  const full = fullTimeout(TCP_STATES.indexOf(destroy.tcpState), timeouts);
  if (full === undefined) return undefined;
  // Whole seconds are sent, cut off, so half a second more is the best estimate. None at all is exactly zero.
  const remaining = destroy.timeoutSeconds === undefined ? 0 : destroy.timeoutSeconds + 0.5;
  const idle = idleSeconds(full, remaining, timeouts.unacknowledged);
  return idle === undefined ? undefined : destroy.atMs - idle * 1000;
}

/** Times come in whole seconds, and wobble by one. */
const SAME_TIMER_MS = 2000;

/**
 * The same from what a snapshot knew: the entry's timer then ended when it ends by its DESTROY, or an expired one not
 * before it, so nothing was sent in between, and unacknowledged data did not shorten it.
 */
export function lastActivityOf(flow: KnownFlow | undefined, destroy: FlowEvent): number | undefined {
  if (flow?.lastActivityMs === undefined || destroy.tcpState !== flow.entry.tcpState) return undefined;
  const expectedMs = flow.entry.atMs + (flow.entry.timeoutSeconds ?? 0) * 1000;
  const endsMs = destroy.atMs + (destroy.timeoutSeconds ?? 0) * 1000;
  const early = endsMs < expectedMs - SAME_TIMER_MS;
  const late = destroy.timeoutSeconds !== undefined && endsMs > expectedMs + SAME_TIMER_MS;
  return early || late ? undefined : flow.lastActivityMs;
}
