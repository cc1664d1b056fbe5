import type { Clock } from '../../kernel/clock.ts';
import type { Topology } from '../../model/topology.ts';
import type { FixedTopology, WatchedTopology } from './load-topology.ts';

const WAIT_MS = 15_000;

/**
 * The names as they are now. Waits until the API server told all of them, at most a quarter of a minute. Throws a
 * UsageError, or an Error that says what the API server did not tell and why; an aborted `stop` ends the waiting.
 */
export async function readTopology(
  source: FixedTopology | WatchedTopology,
  clock: Clock,
  stop: AbortSignal,
  waitMs = WAIT_MS,
): Promise<Topology> {
  if (source.kind === 'fixed') return source.topology;
  const known = new Set<string>();
  const reasons = new Map<string, string>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const cluster = source.watch({
    nowMs: () => clock.monotonicMs(),
    onSynced: (resource) => {
      known.add(resource);
      if (missing().length === 0) end();
    },
    onProblem: ({ resource, what, reason }) => {
      reasons.set(resource, `cannot ${what}: ${reason}`);
    },
  });
  /** Not what is synced: who may list and not watch has all that is asked here. */
  const missing = () => Object.keys(cluster.synced()).filter((resource) => !known.has(resource));
  const timer = setTimeout(end, waitMs);
  const abort = () => end();
  stop.addEventListener('abort', abort);
  if (stop.aborted) end();
  await ended;
  clearTimeout(timer);
  stop.removeEventListener('abort', abort);
  const left = stop.aborted ? [] : missing();
  await cluster.stop();
  if (left.length === 0) return cluster.topology;
  const why = [...new Set(left.map((resource) => reasons.get(resource) ?? `no answer about ${resource}`))];
  throw new Error(`the API server did not tell the names within ${waitMs / 1000} s: ${why.join('; ')}`);
}
