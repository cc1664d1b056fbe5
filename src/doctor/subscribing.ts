import { formatByteSize } from '../lib/byte-size.ts';
import type { CheckResult } from '../model/check.ts';
import { type CheckName, fail, ok, sentence, warn } from './result.ts';

/** Why something could not be had of the kernel. `code` is one of kernel/errors.ts. */
export interface KernelProblem {
  readonly code: string;
  readonly message: string;
}

const CAPABILITY_FIX = [
  '# in a pod, beside hostNetwork: true',
  'securityContext: { capabilities: { add: [NET_ADMIN] } }',
  '# in a shell',
  'sudo conntrack-watchdog doctor',
];

/** Whether the kernel answers questions about its entries, to this process. */
export function checkCtnetlink(problem: KernelProblem | undefined): CheckResult {
  const name = {
    id: 'ctnetlink',
    title: 'ctnetlink and capability',
    why: "Events, single entries and the table all come over conntrack's netlink interface, which asks for CAP_NET_ADMIN in the node's network namespace.",
  };
  if (!problem)
    return ok(name, 'The kernel answered a question about an entry: ctnetlink is there, and NET_ADMIN too.');
  return fail(name, sentence(problem.message), fixOf(problem, 'sudo conntrack-watchdog doctor'));
}

/** Whether the BPF program that keeps ordinary traffic away can be attached. */
export function checkFilter(problem: KernelProblem | undefined): CheckResult {
  const name = {
    id: 'filter',
    title: 'event filter',
    why: 'The filter runs in the kernel and keeps back what cannot be evidence; without it every connection would cost the agent two messages.',
  };
  if (!problem) return ok(name, 'It was attached to a socket that was closed again.');
  return fail(name, sentence(problem.message), fixOf(problem, '# a seccomp profile may refuse setsockopt'));
}

export interface ReceiveBufferFacts {
  /** What --receive-buffer asks for. */
  readonly askedBytes: number;
  /** What getsockopt says, which is twice what was granted; undefined if it was refused. */
  readonly grantedBytes: number | undefined;
  readonly problem: KernelProblem | undefined;
  /** net.core.rmem_max, in bytes. */
  readonly rmemMax: number | undefined;
}

/** Whether the kernel keeps as much of a burst as it was asked to. */
export function checkReceiveBuffer(facts: ReceiveBufferFacts): CheckResult {
  const { askedBytes, grantedBytes, problem, rmemMax } = facts;
  const name: CheckName = {
    id: 'receive_buffer',
    title: 'receive buffer',
    why: 'A flush of the table sends a message for each entry at once; what does not fit is lost, and with it the cause of breaks.',
  };
  const asked = formatByteSize(askedBytes);
  const limit =
    rmemMax === undefined ? 'net.core.rmem_max' : `net.core.rmem_max (${formatByteSize(rmemMax)})`;
  if (problem?.code === 'no_capability') {
    return fail(
      name,
      `${asked} were refused: a buffer beyond ${limit} takes CAP_NET_ADMIN in the initial user namespace.`,
      [...CAPABILITY_FIX, '# a pod must not have hostUsers: false'],
    );
  }
  if (problem)
    return fail(name, sentence(problem.message), ['conntrack-watchdog doctor --receive-buffer 8Mi']);
  // The kernel counts its own bookkeeping against the buffer and doubles what it was asked for.
  const granted = Math.floor((grantedBytes ?? 0) / 2);
  if (granted >= askedBytes)
    return ok(name, `${asked} were asked for and granted; ${limit} does not count for it.`);
  return warn(name, `${asked} were asked for, ${formatByteSize(granted)} granted.`, [
    `sysctl -w net.core.rmem_max=${askedBytes}`,
  ]);
}

function fixOf({ code }: KernelProblem, otherwise: string): readonly string[] {
  switch (code) {
    case 'no_capability':
      return CAPABILITY_FIX;
    case 'no_ctnetlink':
      return [
        'modprobe nf_conntrack_netlink',
        'echo nf_conntrack_netlink > /etc/modules-load.d/conntrack-watchdog.conf',
      ];
    case 'unsupported_host':
      return ['# run it on a node of the cluster'];
    default:
      return [otherwise];
  }
}
