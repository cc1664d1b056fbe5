import { DEFAULT_TIMEOUTS, type TcpTimeouts } from '../lib/tcp-timeouts.ts';
import type { KnownFlows } from '../model/known-flow.ts';
import { IpvsServices } from './ipvs-services.ts';
import { LostTable } from './lost-table.ts';
import { PendingPickups } from './pending-pickups.ts';

export interface DetectorSettings {
  readonly confirmWindowMs: number;
  readonly lostCapacity: number;
  readonly lostTtlMs: number;
  /** Losses that an old kernel does not tell from an orderly close: apart, so that they cannot push out others. */
  readonly unconfirmedCapacity: number;
  readonly unconfirmedTtlMs: number;
  readonly pendingCapacity: number;
  /** Connections found broken of which nothing was known before, to count them once. */
  readonly brokenCapacity: number;
  readonly brokenTtlMs: number;
  /**
   * Whether a Service is known to have this address. Untranslated pickups are of interest only then: after a
   * flush every connection of the node that has nothing to do with Services is picked up too.
   */
  readonly isServiceAddress: (ip: string, port: number) => boolean;
  /** Flows as snapshots had them. */
  readonly known: KnownFlows;
}

export const DEFAULT_SETTINGS: Omit<DetectorSettings, 'confirmWindowMs' | 'isServiceAddress'> = {
  // nf_conntrack_max on a machine of 4 GiB and more: a flush of a full table fits.
  lostCapacity: 262_144,
  // The kernel's default for an idle connection: whoever sends later than that lost the entry long before.
  lostTtlMs: 432_000_000,
  unconfirmedCapacity: 65_536,
  unconfirmedTtlMs: 86_400_000,
  pendingCapacity: 32_768,
  brokenCapacity: 65_536,
  // A client retransmits for 15 minutes (net.ipv4.tcp_retries2) and then gives up.
  brokenTtlMs: 1_200_000,
  known: { findByOriginal: () => undefined, findByReply: () => undefined, remove: () => {} },
};

export interface Detector {
  readonly settings: DetectorSettings;
  readonly lost: LostTable;
  readonly unconfirmed: LostTable;
  readonly pending: PendingPickups;
  readonly broken: LostTable;
  readonly ipvs: IpvsServices;
  timeouts: TcpTimeouts;
  /** When messages were last known to be lost, monotonic milliseconds. */
  eventsLostAtMs: number;
}

export function createDetector(settings: DetectorSettings): Detector {
  return {
    settings,
    lost: new LostTable(settings.lostCapacity, settings.lostTtlMs),
    unconfirmed: new LostTable(settings.unconfirmedCapacity, settings.unconfirmedTtlMs),
    pending: new PendingPickups(settings.pendingCapacity),
    broken: new LostTable(settings.brokenCapacity, settings.brokenTtlMs),
    ipvs: new IpvsServices(),
    timeouts: DEFAULT_TIMEOUTS,
    eventsLostAtMs: Number.NEGATIVE_INFINITY,
  };
}
