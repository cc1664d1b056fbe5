import { KernelError } from './errors.ts';
import { EVENT_FILTER } from './filter.ts';
import { closeSocket, openNetfilterSocket } from './netfilter-socket.ts';
import { socketOptions } from './socket-options.ts';

/** What became of the options that the agent sets on its event socket. */
export interface SocketTrial {
  /** As getsockopt(2) gives it: twice what was granted. Undefined if it was refused. */
  readonly receiveBufferBytes: number | undefined;
  readonly receiveBufferError: KernelError | undefined;
  readonly filterError: KernelError | undefined;
}

/**
 * Tries them on a socket that joins no group, so that the kernel makes no event for it, and closes it. Throws a
 * KernelError if there is no such socket.
 */
export function tryEventSocket(receiveBufferBytes: number): SocketTrial {
  const fd = openNetfilterSocket('opening a netlink socket');
  try {
    const options = socketOptions();
    let granted: number | undefined;
    const receiveBufferError = errorOf(() => {
      options.forceReceiveBuffer(fd, receiveBufferBytes);
      granted = options.receiveBuffer(fd);
    });
    const filterError = errorOf(() => options.attachFilter(fd, EVENT_FILTER));
    return { receiveBufferBytes: granted, receiveBufferError, filterError };
  } finally {
    closeSocket(fd);
  }
}

function errorOf(work: () => void): KernelError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
}
