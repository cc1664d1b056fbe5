import { child, elements, type Field, readFlag, readName, readText } from './fields.ts';

/**
 * What a person would call the owner of a pod: `Deployment/checkout`, `StatefulSet/ledger`, `CronJob/backup`;
 * `Pod/shell` for a pod of its own. Only the pod is asked: its labels and the names' endings tell of the
 * Deployment behind a ReplicaSet and of the CronJob behind a Job. Throws ObjectError.
 */
export function readWorkload(pod: Field, podName: string): string {
  const metadata = child(pod, 'metadata');
  const owner = elements(child(metadata, 'ownerReferences')).find((entry) =>
    readFlag(child(entry, 'controller')),
  );
  if (!owner) return `Pod/${podName}`;
  const kind = readName(child(owner, 'kind'));
  const ownerName = readName(child(owner, 'name'));
  switch (kind) {
    case 'Node': // The mirror pod of a static pod.
      return `Pod/${podName}`;
    case 'ReplicaSet':
      return nameOfReplicaSet(ownerName, readText(child(child(metadata, 'labels'), 'pod-template-hash')));
    case 'Job':
      return nameOfJob(ownerName);
    default:
      return `${kind}/${ownerName}`;
  }
}

/** The Deployment controller names its ReplicaSets `DEPLOYMENT-HASH` and labels their pods with the hash. */
function nameOfReplicaSet(name: string, hash: string | undefined): string {
  const ending = `-${hash}`;
  if (!hash || !name.endsWith(ending) || name === ending) return `ReplicaSet/${name}`;
  return `Deployment/${name.slice(0, -ending.length)}`;
}

/** The CronJob controller names its Jobs `CRONJOB-MINUTES`: the scheduled time in minutes since the epoch. */
function nameOfJob(name: string): string {
  const cronJob = /^(.+)-\d{8,}$/s.exec(name)?.[1];
  return cronJob === undefined ? `Job/${name}` : `CronJob/${cronJob}`;
}
