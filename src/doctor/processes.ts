import { counted } from '../lib/counted.ts';
import type { CheckResult } from '../model/check.ts';
import { ok, warn } from './result.ts';

export interface ProcessFacts {
  /** Where /proc was looked for, --proc. */
  readonly procPath: string;
  readonly processes: number;
  /** Network namespaces that these processes are in. */
  readonly namespaces: number;
  /** Processes that could not be looked into, and the first of them with its error. */
  readonly unreadable: number;
  readonly problem: string | undefined;
  /** Kernel threads are among them: only the node's own process namespace shows those. */
  readonly kernelThreads: boolean;
}

/** Whether the sockets of pods can be seen. */
export function checkProcesses(facts: ProcessFacts): CheckResult {
  const { procPath, processes, namespaces, unreadable, problem, kernelThreads } = facts;
  const name = {
    id: 'processes',
    title: 'processes of the node',
    why: 'Whether a connection has keepalive is read from the sockets of its pod below /proc; where pods cannot be seen, connections_at_risk says "unknown", and --protect renew protects nothing: it keeps an entry only as long as it sees the socket of the client.',
  };
  const seen = `${procPath} shows ${counted(processes, 'process', 'processes')} in ${counted(namespaces, 'network namespace')}`;
  const fix = [
    '# in a pod: the component deploy/components/socket-audit, which is',
    'hostPID: true',
    '# or /proc of the node mounted read-only at /host/proc, and',
    'conntrack-watchdog doctor --proc /host/proc',
  ];
  if (unreadable > 0) {
    return warn(
      name,
      `${seen}; ${unreadable} could not be looked into${problem === undefined ? '' : ` (${problem})`}. Their connections are not protected by --protect renew.`,
      ['# /proc may be mounted with hidepid; run as root, or add the group of its option gid=', ...fix],
    );
  }
  if (namespaces > 1) return ok(name, `${seen}.`);
  if (kernelThreads) {
    return ok(name, `${seen}, those of the node itself; no pod with a network of its own runs just now.`);
  }
  return warn(
    name,
    `${seen}: only those of this container, not those of pods. Without the sockets of clients --protect renew protects no connection of a pod.`,
    fix,
  );
}
