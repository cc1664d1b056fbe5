import { readFileSync } from 'node:fs';
import type { OptionsOf } from '../../config/parse.ts';
import {
  checkAccess,
  checkApiServer,
  checkNodeName,
  unreachableApiServer,
  wantedAccess,
} from '../../doctor/api-access.ts';
import { checkTopologyFile, unreadableTopologyFile, withoutTopology } from '../../doctor/topology-file.ts';
import { hasPods, reviewAccess } from '../../enrich/access-review.ts';
import type { ApiClient } from '../../enrich/api-call.ts';
import { ApiError } from '../../enrich/api-error.ts';
import { TopologyCensus } from '../../enrich/topology-census.ts';
import { readInto } from '../../enrich/topology-file.ts';
import { TopologyFileError } from '../../enrich/topology-file-error.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { CheckResult } from '../../model/check.ts';

const ANSWER_MS = 10_000;

type Options = Pick<OptionsOf<'doctor'>, 'topology' | 'kubeconfig' | 'nodeName'>;

/** Where names come from, and whether they do. */
export async function checkTopology(
  options: Options,
  clock: Clock,
  stop: AbortSignal,
): Promise<CheckResult[]> {
  switch (options.topology.kind) {
    case 'none':
      return [withoutTopology()];
    case 'file':
      return [await checkFile(options.topology.path, options.nodeName)];
    case 'kubernetes':
      return await checkApi(options, clock, stop);
  }
}

async function checkFile(path: string, nodeName: string): Promise<CheckResult> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return unreadableTopologyFile(path, (error as Error).message);
  }
  try {
    const census = await readInto(new TopologyCensus(nodeName), text, path);
    const { serviceCount: services, endpointCount: endpoints, podCount: pods, nodes } = census;
    return checkTopologyFile({ path, nodeName, services, endpoints, pods, nodes });
  } catch (error) {
    if (!(error instanceof TopologyFileError)) throw error;
    return unreadableTopologyFile(path, error.message);
  }
}

async function checkApi(
  { kubeconfig, nodeName }: Options,
  clock: Clock,
  stop: AbortSignal,
): Promise<CheckResult[]> {
  // Loaded only when needed, as it is large.
  const { createClient, ClusterConfigError } = await import('../../enrich/watch.ts');
  let client: ApiClient;
  try {
    client = createClient(kubeconfig, clock.monotonicMs);
  } catch (error) {
    if (!(error instanceof ClusterConfigError)) throw error;
    return [unreachableApiServer(error.message, kubeconfig)];
  }
  const late = AbortSignal.timeout(ANSWER_MS);
  const signal = AbortSignal.any([stop, late]);
  try {
    const answers = await reviewAccess(client, wantedAccess(), signal);
    const mayList = answers.some((a) => a.resource === 'pods' && a.verb === 'list' && a.allowed);
    return [
      checkApiServer(),
      ...checkAccess(answers),
      ...(mayList ? [checkNodeName(nodeName, await hasPods(client, nodeName, signal))] : []),
    ];
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [
      unreachableApiServer(
        late.aborted ? `No answer within ${ANSWER_MS / 1000} s` : error.message,
        kubeconfig,
      ),
    ];
  }
}
