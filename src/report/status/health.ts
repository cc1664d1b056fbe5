import { definedFields } from '../../lib/defined-fields.ts';
import { thousandths } from '../named-fields.ts';
import type { Readings } from '../readings.ts';

/** How the agent itself is, as `GET /api/v1/health` has it. What is not known is left out. */
export interface Health {
  readonly node: string;
  readonly version: string;
  readonly started_at: string;
  readonly ready: boolean;
  /** Why not, as /readyz says it. */
  readonly reasons: readonly string[];
  readonly events_lost?: number;
  readonly blind_entries?: number;
  readonly table_entries?: number;
  readonly table_limit?: number;
  /** Left out where snapshots are off, but for the first one. */
  readonly snapshot_interval_seconds?: number;
  readonly snapshot_taken_at?: string;
  readonly snapshot_duration_seconds?: number;
  /** Whether entries of open connections are renewed, and for how long at most without a packet. */
  readonly protect: 'off' | 'renew';
  readonly protect_max_idle_seconds?: number;
  /** Connections the agent forgot early because a table of its own was full. */
  readonly evictions: number;
  readonly resident_bytes: number;
  /** Sysctls under net.netfilter, by the last part of their name. */
  readonly settings: Readonly<Record<string, number>>;
}

export type HealthReadings = Pick<
  Readings,
  'eventsLost' | 'tableEntries' | 'tableLimit' | 'kernelSettings' | 'flowTables' | 'snapshot'
>;

export function healthOf(
  fixed: Pick<
    Health,
    | 'node'
    | 'version'
    | 'started_at'
    | 'reasons'
    | 'resident_bytes'
    | 'snapshot_interval_seconds'
    | 'protect'
    | 'protect_max_idle_seconds'
  >,
  readings: HealthReadings,
  snapshotTakenAt: string | undefined,
): Health {
  const { snapshot, kernelSettings, flowTables } = readings;
  return definedFields({
    ...fixed,
    ready: fixed.reasons.length === 0,
    events_lost: readings.eventsLost,
    blind_entries: snapshot.blindEntries,
    table_entries: readings.tableEntries,
    table_limit: readings.tableLimit,
    snapshot_taken_at: snapshotTakenAt,
    snapshot_duration_seconds:
      snapshot.durationSeconds === undefined ? undefined : thousandths(snapshot.durationSeconds),
    evictions: Object.values(flowTables).reduce((sum, { evictions }) => sum + evictions, 0),
    settings: definedFields(kernelSettings),
  }) as Health;
}
