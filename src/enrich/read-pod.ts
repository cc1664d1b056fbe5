import { child, elements, type Field, readFlag, readIps, readText } from './fields.ts';
import { type Metadata, readMetadata } from './metadata.ts';
import { readWorkload } from './workload.ts';

/** A Pod reduced to whose it is and which addresses it tells us. */
export interface PodRecord extends Metadata {
  /** `Deployment/checkout`. */
  readonly workload: string;
  readonly node: string | undefined;
  /** metadata.uid. */
  readonly uid?: string;
  /** The addresses the pod has for itself: none on the host network, none once it has ended. */
  readonly ips: readonly string[];
  /** The addresses of its node. */
  readonly nodeIps: readonly string[];
  /** It was told to stop. Its address may already be another pod's. */
  readonly deleting: boolean;
}

/** The phases in which a pod's containers will not run again, so that its address is free (PodStatus.phase). */
const ENDED_PHASES: readonly (string | undefined)[] = ['Succeeded', 'Failed'];

/** Reads a parsed v1 Pod. Throws ObjectError. Source: Kubernetes API, PodSpec, PodStatus. */
export function readPod(object: unknown): PodRecord {
  const root: Field = { path: '', value: object };
  const metadata = readMetadata(root);
  const spec = child(root, 'spec');
  const status = child(root, 'status');
  const uid = readText(child(child(root, 'metadata'), 'uid'));
  const onHostNetwork = readFlag(child(spec, 'hostNetwork'));
  const hasEnded = ENDED_PHASES.includes(readText(child(status, 'phase')));
  const podIps = addresses(status, 'podIP', 'podIPs');
  const hostIps = addresses(status, 'hostIP', 'hostIPs');
  return {
    ...metadata,
    ...(uid && { uid }),
    workload: readWorkload(root, metadata.name),
    node: readText(child(spec, 'nodeName')) || undefined,
    ips: onHostNetwork || hasEnded ? [] : podIps,
    // Without hostIPs (no default before Kubernetes 1.29) a node's second address family shows only as the
    // address of the pods on its network.
    nodeIps: onHostNetwork ? [...new Set([...hostIps, ...podIps])] : hostIps,
    deleting: readText(child(child(root, 'metadata'), 'deletionTimestamp')) !== undefined,
  };
}

function addresses(status: Field, single: string, list: string): string[] {
  return readIps([
    child(status, single),
    ...elements(child(status, list)).map((entry) => child(entry, 'ip')),
  ]);
}
