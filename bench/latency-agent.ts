/**
 * The data path of the agent, wired as in commands/agent.ts, with a look at the clock right after the counter
 * moved. Runs in the node's namespace; latency.ts starts it and takes one message for each broken connection.
 */
import { watchFlows } from '../src/commands/shared/watch-flows.ts';
import { NO_SNAPSHOT } from '../src/commands/table/watch-table.ts';
import { MALFORMED_REASONS } from '../src/decode/attributes.ts';
import { DEFAULT_SETTINGS } from '../src/detect/detector-state.ts';
import { nameFinding } from '../src/enrich/name.ts';
import { NO_TOPOLOGY } from '../src/enrich/no-topology.ts';
import { systemClock } from '../src/kernel/clock.ts';
import type { Finding } from '../src/model/finding.ts';
import { createMetrics } from '../src/report/metrics.ts';

export type LatencyMessage =
  | { readonly kind: 'ready' }
  /** From the time stamp of the last event of the evidence until the counter had moved. */
  | { readonly kind: 'counted'; readonly delayMs: number; readonly verdictAfterMs: number };

const NO_TABLE = { entries: 0, evictions: 0 };

const clock = systemClock();
const tell = (message: LatencyMessage) => process.send?.(message);
const metrics = createMetrics({
  version: 'bench',
  nodeVersion: process.version,
  malformedReasons: MALFORMED_REASONS,
  processMetrics: false,
  read: async () => ({
    eventsLost: undefined,
    tableEntries: undefined,
    tableLimit: undefined,
    kernelSettings: {},
    readyConditions: [],
    flowTables: {
      lost: NO_TABLE,
      unconfirmed: NO_TABLE,
      pending: NO_TABLE,
      broken: NO_TABLE,
      snapshot: NO_TABLE,
    },
    kernelStats: {},
    topology: undefined,
    kubernetesEvents: undefined,
    ...NO_SNAPSHOT,
  }),
});

function onFinding(finding: Finding): void {
  const named = nameFinding(NO_TOPOLOGY, finding, 'bench');
  if (!named) return;
  metrics.count(named);
  const countedAtMs = clock.wallMs();
  if (named.kind !== 'pickup' || !named.broken) return;
  const last = named.evidence.at(-1)!;
  tell({ kind: 'counted', delayMs: countedAtMs - last.atMs, verdictAfterMs: named.verdictAfterMs });
}

await watchFlows({
  clock,
  receiveBufferBytes: 64 * 2 ** 20,
  detector: { ...DEFAULT_SETTINGS, confirmWindowMs: 2000, isServiceAddress: () => false },
  onFinding,
  onEvent: (event) => metrics.countEvent(event.type === 'destroy' ? 'destroy' : 'new'),
  onEventsLost: () => {},
  onMalformed: (reason) => metrics.countMalformed(reason),
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready' });
