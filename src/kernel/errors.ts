/**
 * What can keep the agent from watching, as a closed list:
 * no_capability: CAP_NET_ADMIN is missing in the network namespace; no_ctnetlink: the kernel has no conntrack
 * netlink interface; unsupported_host: not Linux, or big-endian; socket: a socket call failed otherwise.
 */
export type KernelErrorCode = 'no_capability' | 'no_ctnetlink' | 'unsupported_host' | 'socket';

/** The message is one sentence: what was attempted, why it failed, what helps. */
export class KernelError extends Error {
  readonly code: KernelErrorCode;
  constructor(code: KernelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const EPERM = 1;
const ENOENT = 2;
const EACCES = 13;
const EINVAL = 22;
const EPROTONOSUPPORT = 93;
const EOPNOTSUPP = 95;
const EAFNOSUPPORT = 97;

/**
 * Names the reason behind an errno of a socket call or of the kernel's answer to a request. nfnetlink answers
 * EINVAL to any request of a subsystem that is not there (net/netfilter/nfnetlink.c, nfnetlink_rcv_msg).
 */
export function kernelError(attempt: string, errno: number, cause?: unknown): KernelError {
  const options = cause === undefined ? undefined : { cause };
  if (errno === EPERM || errno === EACCES) {
    return new KernelError(
      'no_capability',
      `${attempt}: not permitted; the capability NET_ADMIN is needed in this network namespace (run as root, or add NET_ADMIN to the container)`,
      options,
    );
  }
  if ([EINVAL, EOPNOTSUPP, EPROTONOSUPPORT, EAFNOSUPPORT].includes(errno)) {
    return new KernelError(
      'no_ctnetlink',
      `${attempt}: this kernel has no conntrack netlink interface (errno ${errno}); load it with: modprobe nf_conntrack_netlink`,
      options,
    );
  }
  return new KernelError('socket', `${attempt}: errno ${errno}`, options);
}

/** Whether the kernel's answer only says that there is no such entry. */
export function isNoSuchEntry(errno: number): boolean {
  return errno === ENOENT;
}
