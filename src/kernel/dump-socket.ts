import koffi from 'koffi';
import { type BatchReceive, batchReceive } from './batch-receive.ts';
import { kernelError } from './errors.ts';
import { closeSocket, openNetfilterSocket } from './netfilter-socket.ts';

// asm-generic/errno-base.h
const EINTR = 4;
const EAGAIN = 11;
/** The kernel makes the parts of a dump as large as the largest buffer it was read with, up to 32 KiB. */
const PART_BYTES = 65_536;
/** More would save nothing, and the first ones are slow, before the code that reads them is compiled. */
const PARTS_AT_ONCE = 1;

/**
 * A netlink socket for one dump: a question with a long answer, which the kernel makes part by part as it is read. So
 * nothing is lost when the reader takes its time, and nothing is left over when it gives up. It is read when the
 * caller wants, not when libuv finds it readable, because it always is.
 */
export interface DumpSocket {
  /** Reads the next few parts. `bytes` are valid only during the call. Returns how many there were. Throws a KernelError. */
  receive(onPart: (bytes: Uint8Array) => void): number;
  close(): void;
}

/** Bound once: there is a dump every minute. */
let send: ReturnType<ReturnType<typeof koffi.load>['func']> | undefined;

/** Sends the request, a dump by requests.ts. Throws a KernelError, and leaves nothing open then. */
export function openDump(request: Uint8Array): DumpSocket {
  const fd = openNetfilterSocket('opening a netlink socket for a dump');
  send ??= koffi.load(null).func('long send(int, const void *, size_t, int)');
  // Without an address it goes to the kernel, port id 0.
  if (send(fd, request, request.length, 0) < 0) {
    const errno = koffi.errno();
    closeSocket(fd);
    throw kernelError('asking the kernel for a dump', errno);
  }
  let failed = 0;
  const onError = (errno: number) => {
    if (errno !== EAGAIN && errno !== EINTR) failed = errno;
  };
  let receiveParts: BatchReceive;
  try {
    receiveParts = batchReceive(fd, PARTS_AT_ONCE, PART_BYTES, onError);
  } catch (error) {
    closeSocket(fd);
    throw error;
  }
  return {
    receive: (onPart) => {
      const parts = receiveParts((bytes, portId) => {
        if (portId === 0) onPart(bytes);
      });
      if (failed !== 0) throw kernelError('reading the answer to a dump', failed);
      return parts;
    },
    close: () => closeSocket(fd),
  };
}
