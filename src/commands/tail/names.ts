import type { OptionsOf } from '../../config/parse.ts';
import { UsageError } from '../../config/parse.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Log } from '../../report/log.ts';
import { createReadiness } from '../../report/readiness.ts';
import { TOPOLOGY_CONDITION } from '../agent/checkup.ts';
import { type FollowedTopology, followTopology } from '../topology/follow-topology.ts';
import { loadTopology } from '../topology/load-topology.ts';

const WAIT_MS = 5000;
const LOOK_MS = 20;

/**
 * The names for `tail`, kept up to date. Waits for the API server, at most 5 s; then it is said, and
 * addresses take the place of names until it answers. Throws a UsageError.
 */
export async function tailNames(
  options: OptionsOf<'tail'>,
  clock: Clock,
  log: Log,
  stop: AbortSignal,
): Promise<FollowedTopology> {
  checkFilters(options);
  const source = await loadTopology(options);
  const readiness = createReadiness([TOPOLOGY_CONDITION]);
  const metrics = { declareServices: () => {} };
  const names = followTopology(source, { clock, log, metrics, readiness });
  if (source.kind === 'fixed') return names;
  const deadline = clock.monotonicMs() + WAIT_MS;
  while (readiness.reasons().length > 0 && clock.monotonicMs() < deadline && !stop.aborted) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    names.look();
  }
  if (readiness.reasons().length > 0 && !stop.aborted) {
    const seconds = WAIT_MS / 1000;
    log.warn(
      'topology_problem',
      `the API server did not tell all names within ${seconds} s (${readiness.reasons().join('; ')}); addresses take their place until it does`,
    );
  }
  return names;
}

/** Without names nothing would ever be shown. */
function checkFilters({ topology, service, namespace, client }: OptionsOf<'tail'>): void {
  if (topology.kind !== 'none') return;
  const isByName = client !== undefined && client.by !== 'address';
  const flag = service ? '--service' : namespace !== undefined ? '--namespace' : isByName ? '--client' : '';
  if (flag === '') return;
  throw new UsageError(`tail: ${flag} needs names, and there are none: give --topology or --kubeconfig`);
}
