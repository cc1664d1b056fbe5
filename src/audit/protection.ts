import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY, TCP_CONNTRACK_ESTABLISHED } from '../lib/ctnetlink.ts';
import type { FlowRow } from '../model/flow-row.ts';
import type { SkipReason } from '../model/protection.ts';
import { breaksAt, type RiskContext } from './at-risk.ts';
import { CLIENT_ESTABLISHED, CLIENT_SEEN, IPVS, type Slot, STATE_MASK, tickOf } from './flow-columns.ts';
import { hasMapping } from './flow-rows.ts';
import type { FlowStore } from './flow-store.ts';
import { IPVS_TIMEOUT_SECONDS } from './idle-limit.ts';
import { endsLater } from './remaining-time.ts';
import { dueBelow, type RenewalWindow } from './renewal-window.ts';

const SECOND_TICKS = 10;
const WHOLE = 0x1_0000_0000;
const GOLDEN = 0x9e3779b1;
const REPLIED = IPS_ASSURED | IPS_SEEN_REPLY | IPS_DST_NAT;

/** What decides, for a round, which entries are renewed. */
export interface ProtectionRule {
  readonly nowTick: number;
  readonly maxIdleTicks: number;
  readonly window: RenewalWindow;
}

/**
 * Whether the entry of a flow is to be kept, which is when the connection it stands for is alive as far as this node can
 * see, and could go on if it were used; else why not. `isEndpoint`: the backend belongs to the Service; undefined if that
 * is not known.
 */
export function protectionOf(
  { store, isLocalClient }: RiskContext,
  { nowTick, maxIdleTicks }: ProtectionRule,
  slot: Slot,
  isEndpoint: boolean | undefined,
): 'protected' | Exclude<SkipReason, 'limit'> {
  const { flags, lastActivity } = store.columns;
  const flag = flags[slot]!;
  if ((flag & STATE_MASK) !== TCP_CONNTRACK_ESTABLISHED) return 'half_closed';
  if (flag & IPVS) return 'ipvs';
  if (isEndpoint === undefined) return 'service_unknown';
  if (!isEndpoint) return 'backend_gone';
  if (!(flag & CLIENT_SEEN)) return isLocalClient(slot) ? 'client_gone' : 'client_unseen';
  if (!(flag & CLIENT_ESTABLISHED)) return 'half_closed';
  const active = lastActivity[slot]!;
  if (active !== 0 && nowTick - active > maxIdleTicks) return 'max_idle';
  return 'protected';
}

/**
 * Whether so little of its time is left that it is to be renewed in this round. Whoever goes through IPVS, which cannot be
 * renewed, counts as due when half of the time is over after which IPVS forgets it.
 */
export function isDue(store: FlowStore, { nowTick, window }: ProtectionRule, slot: Slot): boolean {
  const { flags, ips, ports } = store.columns;
  const leftTicks = breaksAt(store, slot) - nowTick;
  if (flags[slot]! & IPVS) return leftTicks < (IPVS_TIMEOUT_SECONDS / 2) * SECOND_TICKS;
  const spread = (Math.imul(ips[slot * 4]! ^ (ports[slot * 4]! << 16), GOLDEN) >>> 0) / WHOLE;
  // What has the whole timeout left, which looks like half a second more, may be renewed; what has more never.
  const most = window.timeoutSeconds * SECOND_TICKS + SECOND_TICKS / 2;
  return leftTicks < dueBelow(window, spread) * SECOND_TICKS && leftTicks <= most;
}

/**
 * Whether the entry, asked for again right before it would be renewed, is still that of the connection the snapshot saw,
 * to the same backend, established. `row` is the answer.
 */
export function isSameConnection({ columns }: FlowStore, slot: Slot, row: FlowRow): boolean {
  if (row.tcpState !== TCP_CONNTRACK_ESTABLISHED || (row.status & REPLIED) !== REPLIED) return false;
  return row.zone === columns.zones[slot] && hasMapping(columns, slot, row);
}

/** Whether it was not used since either. `nowMs`: when it was asked for. */
export function isUnchanged(store: FlowStore, slot: Slot, row: FlowRow, nowMs: number): boolean {
  const expiresAt = store.columns.expiresAt[slot]!;
  return isSameConnection(store, slot, row) && !endsLater(expiresAt, tickOf(nowMs), row.timeoutSeconds);
}
