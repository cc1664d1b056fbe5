import type { Connection, Endpoint } from './finding.ts';
import type { NamedBackend, NamedClient, NamedService } from './named-finding.ts';
import type { SkipReason } from './protection.ts';

/**
 * Why an established Service connection breaks if it stays idle: no end of it sends keepalive probes; the first probe
 * comes after the entry is gone; or the client's socket cannot be seen from here.
 */
export const RISK_REASONS = ['no_keepalive', 'slow_keepalive', 'unknown'] as const;
export type RiskReason = (typeof RISK_REASONS)[number];
/** How such connections are counted: those whose entry is kept alive apart from the rest, as they do not break. */
export const COUNTED_REASONS = [...RISK_REASONS, 'protected'] as const;
export type CountedReason = (typeof COUNTED_REASONS)[number];

/** What is known of the sockets at the ends of a flow. Seconds are from now. */
export type Keepalive =
  /** An end on this node has its keepalive timer armed: the earliest probe, and the least its idle time can be. */
  | { readonly state: 'armed'; readonly probeInSeconds: number; readonly idleSetting: number }
  /** The client's socket is there and has no SO_KEEPALIVE. */
  | { readonly state: 'none' }
  /** The client's socket is not to be seen from this node, or was busy sending when it was looked at. */
  | { readonly state: 'unknown' };

/** A connection that will break if it stays idle. */
export interface FlowAtRisk {
  readonly connection: Connection;
  readonly backend: Endpoint;
  readonly reason: RiskReason;
  readonly keepalive: Keepalive;
  /** Time without a packet until now; undefined where the remaining time does not tell it. */
  readonly idleSeconds: number | undefined;
  /** Until the entry is gone if nothing is sent. */
  readonly expiresInSeconds: number;
  /** The whole time an idle connection has, as it is set now: the sysctl, or IPVS's own. */
  readonly timeoutSeconds: number;
  /** Why its entry is not renewed; left out if none are. */
  readonly unprotected?: SkipReason;
  /** Whose timeout that is. */
  readonly limitedBy: 'conntrack' | 'ipvs';
}

export interface NamedFlowAtRisk extends Omit<FlowAtRisk, 'backend'> {
  readonly client: NamedClient;
  readonly service: NamedService;
  readonly backend: NamedBackend;
}
