import { IPS_OFFLOAD } from '../lib/ctnetlink.ts';
import { fullTimeout, idleSeconds, type TcpTimeouts } from '../lib/tcp-timeouts.ts';
import type { FlowRow } from '../model/flow-row.ts';
import { type FlowColumns, type Slot, V6 } from './flow-columns.ts';

/** The destination was translated. Told by the tuples: IPVS does not set the status bit. */
export function isTranslated({ v6, words, dport, replySport }: FlowRow): boolean {
  if (replySport !== dport || words[8] !== words[4]) return true;
  return v6 && (words[9] !== words[5] || words[10] !== words[6] || words[11] !== words[7]);
}

/** Whether the flow in this slot has the reply tuple of the row. */
export function hasMapping({ flags, ips, ports, addresses }: FlowColumns, slot: Slot, row: FlowRow): boolean {
  const { v6, words } = row;
  const i = slot * 4 + 2;
  if (ports[i] !== row.replySport || ports[i + 1] !== row.replyDport) return false;
  if ((flags[slot]! & V6) !== (v6 ? V6 : 0)) return false;
  if (!v6) return ips[i] === words[8] && ips[i + 1] === words[12];
  return ips[i] === addresses.find(words, 8) && ips[i + 1] === addresses.find(words, 12);
}

/** Seconds without a packet, where the row's remaining time tells it. */
export function idleOf(
  { tcpState, timeoutSeconds, status }: FlowRow,
  timeouts: TcpTimeouts,
): number | undefined {
  // A flow table sets the timer by its own rules, net/netfilter/nf_flow_table_core.c.
  if (status & IPS_OFFLOAD) return undefined;
  const full = fullTimeout(tcpState, timeouts);
  // Whole seconds are sent, cut off, so half a second more is the best estimate.
  return full === undefined ? undefined : idleSeconds(full, timeoutSeconds + 0.5, timeouts.unacknowledged);
}
