import type { TcpTimeouts } from '../lib/tcp-timeouts.ts';
import type { FlowAtRisk, Keepalive, RiskReason } from '../model/at-risk.ts';
import type { SkipReason } from '../model/protection.ts';
import type { BackendChoice } from '../model/topology.ts';
import {
  CLIENT_BUSY,
  CLIENT_KEEPALIVE,
  CLIENT_SEEN,
  IPVS,
  SERVER_KEEPALIVE,
  type Slot,
  STATE_MASK,
} from './flow-columns.ts';
import type { FlowStore } from './flow-store.ts';
import { IPVS_TIMEOUT_SECONDS, idleLimit } from './idle-limit.ts';
import type { ProtectionRule } from './protection.ts';

const ESTABLISHED = 3;
const SECOND_TICKS = 10;

export interface RiskContext {
  readonly store: FlowStore;
  readonly timeouts: TcpTimeouts;
  /** Whether all sockets of the namespace with the client's address were looked at. */
  readonly isLocalClient: (slot: Slot) => boolean;
  /** Undefined when no entries are renewed. */
  readonly protection?: ProtectionRule | undefined;
}

/** The end of a flow if nothing is sent, in ticks; for IPVS that it forgets the connection, where that comes first. */
export function breaksAt(store: FlowStore, slot: Slot): number {
  const { flags, expiresAt, lastActivity } = store.columns;
  const expires = expiresAt[slot]!;
  if (!(flags[slot]! & IPVS) || lastActivity[slot] === 0) return expires;
  return Math.min(expires, lastActivity[slot]! + IPVS_TIMEOUT_SECONDS * SECOND_TICKS);
}

/**
 * Why an established flow would break if it stayed idle; undefined if it would not: something keeps it alive, nobody
 * has it open, or the next packet would get the same mapping again.
 */
export function riskOf(
  context: RiskContext,
  slot: Slot,
  choice: BackendChoice | undefined,
): RiskReason | undefined {
  const flag = context.store.columns.flags[slot]!;
  if ((flag & STATE_MASK) !== ESTABLISHED || flag & SERVER_KEEPALIVE) return undefined;
  if (choice && repicksTheSame(context, slot, choice)) return undefined;
  if (flag & CLIENT_KEEPALIVE) return probesInTime(context, slot) ? undefined : 'slow_keepalive';
  if (!(flag & CLIENT_SEEN)) return context.isLocalClient(slot) ? undefined : 'unknown';
  return flag & CLIENT_BUSY ? 'unknown' : 'no_keepalive';
}

/** Everything about a flow at risk, for people. `unprotected`: why its entry is not renewed; undefined if none are. */
export function describeRisk(
  context: RiskContext,
  slot: Slot,
  reason: RiskReason,
  nowTick: number,
  unprotected?: SkipReason,
): FlowAtRisk {
  const { store, timeouts } = context;
  const { lastActivity, zones } = store.columns;
  const reply = store.tuple(slot, 2);
  const ended = lastActivity[slot] ?? 0;
  return {
    connection: { ...store.tuple(slot, 0), zone: zones[slot]! },
    backend: { ip: reply.src, port: reply.sport },
    reason,
    keepalive: keepaliveOf(context, slot, nowTick),
    idleSeconds: ended === 0 ? undefined : Math.max(0, (nowTick - ended) / SECOND_TICKS),
    expiresInSeconds: Math.max(0, (breaksAt(context.store, slot) - nowTick) / SECOND_TICKS),
    timeoutSeconds: wholeTimeout(context, slot),
    ...(unprotected !== undefined && { unprotected }),
    limitedBy: wholeTimeout(context, slot) < timeouts.established ? 'ipvs' : 'conntrack',
  };
}

function keepaliveOf(context: RiskContext, slot: Slot, nowTick: number): Keepalive {
  const { flags, keepIdle } = context.store.columns;
  const flag = flags[slot]!;
  if (flag & CLIENT_KEEPALIVE) {
    const probeInSeconds = Math.max(0, (firstProbeAt(context, slot) - nowTick) / SECOND_TICKS);
    return { state: 'armed', probeInSeconds, idleSetting: keepIdle[slot]! };
  }
  return flag & CLIENT_SEEN && !(flag & CLIENT_BUSY) ? { state: 'none' } : { state: 'unknown' };
}

/** The keepalive timer fires at `probeAt`, but if there was traffic since it was set it only sets itself anew. */
function firstProbeAt({ store }: RiskContext, slot: Slot): number {
  const { probeAt, lastActivity, keepIdle } = store.columns;
  const active = lastActivity[slot]!;
  return active === 0 ? probeAt[slot]! : Math.max(probeAt[slot]!, active + keepIdle[slot]! * SECOND_TICKS);
}

/** In time for this entry, and for the one that the first probe leaves. */
function probesInTime(context: RiskContext, slot: Slot): boolean {
  const { keepIdle } = context.store.columns;
  return (
    firstProbeAt(context, slot) < breaksAt(context.store, slot) &&
    keepIdle[slot]! < wholeTimeout(context, slot)
  );
}

function wholeTimeout({ store, timeouts }: RiskContext, slot: Slot): number {
  return idleLimit(store.columns.flags[slot]!, timeouts);
}

/**
 * Whether the rules must choose what they chose before: one endpoint and no masquerade; or affinity to the client's
 * address that outlives the entry. It counts from when the connection was opened, which was at the latest when it was
 * first seen, and before its last packet.
 */
function repicksTheSame({ store }: RiskContext, slot: Slot, choice: BackendChoice): boolean {
  const c = store.columns;
  const flag = c.flags[slot]!;
  const i = slot * 4;
  const isMasqueraded = c.ips[i] !== c.ips[i + 3] || c.ports[i] !== c.ports[i + 3];
  // What IPVS forgot is not translated at all, however many endpoints there are.
  if (isMasqueraded || flag & IPVS) return false;
  const { endpoints, affinitySeconds } = choice;
  const single = endpoints.length === 1;
  if (!single && affinitySeconds === undefined) return false;
  const { src: ip, sport: port } = store.tuple(slot, 2);
  if (!endpoints.some((endpoint) => endpoint.ip === ip && endpoint.port === port)) return false;
  if (single) return true;
  const seen = store.firstSeenAt(slot);
  const active = c.lastActivity[slot]!;
  const picked = active === 0 ? seen : Math.min(seen, active);
  return picked + affinitySeconds! * SECOND_TICKS > c.expiresAt[slot]!;
}
