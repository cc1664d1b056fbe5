import koffi from 'koffi';
import { kernelError } from './errors.ts';
import type { QueueState } from './lost-places.ts';

// asm-generic/socket.h, linux/netlink.h
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SO_MEMINFO = 55;
const SOL_NETLINK = 270;
const NETLINK_NO_ENOBUFS = 5;
const SOCK_FILTER_LEN = 8;
// linux/sock_diag.h, indexes of what SO_MEMINFO gives, u32 each
const SK_MEMINFO_RMEM_ALLOC = 0;
const SK_MEMINFO_DROPS = 8;
const SK_MEMINFO_VARS = 9;

/** The options that the `netlink` package cannot set, on a file descriptor. Each throws a KernelError. */
export interface SocketOptions {
  /** No error on overflow: the socket stays usable and the kernel counts what it dropped. netlink(7). */
  ignoreOverflow(fd: number): void;
  /** Receive buffer beyond net.core.rmem_max. The kernel doubles the value for its own bookkeeping. */
  forceReceiveBuffer(fd: number, bytes: number): void;
  /** What the kernel granted, as getsockopt(2) gives it: twice the value that was set. */
  receiveBuffer(fd: number): number;
  /** The receive queue now; undefined if the kernel does not tell. Cheap: a microsecond. */
  queueState(fd: number): QueueState | undefined;
  /** A classic BPF program, an array of struct sock_filter. */
  attachFilter(fd: number, program: Uint8Array): void;
}

/** Binds libc's setsockopt and getsockopt, of whichever libc this process runs on. */
export function socketOptions(): SocketOptions {
  const libc = koffi.load(null);
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)');
  const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ int *, _Inout_ uint32_t *)');
  const getBytes = libc.func('getsockopt', 'int', ['int', 'int', 'int', 'void *', 'void *']);
  const memory = new Uint32Array(SK_MEMINFO_VARS);
  const length = new Uint32Array(1);
  // linux/filter.h, struct sock_fprog
  const fprog = koffi.struct({ len: 'unsigned short', filter: 'const void *' });
  const attach = libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(fprog), 'uint32_t']);
  const set = (attempt: string, fd: number, level: number, option: number, value: Uint8Array) => {
    if (setsockopt(fd, level, option, value, value.length) !== 0) throw kernelError(attempt, koffi.errno());
  };
  return {
    ignoreOverflow: (fd) => set('setting NETLINK_NO_ENOBUFS', fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, int32(1)),
    forceReceiveBuffer: (fd, bytes) =>
      set(`setting a receive buffer of ${bytes} bytes`, fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(bytes)),
    receiveBuffer: (fd) => {
      const value = [0];
      if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, [4]) !== 0) {
        throw kernelError('reading the size of the receive buffer', koffi.errno());
      }
      return value[0]!;
    },
    queueState: (fd) => {
      length[0] = memory.byteLength;
      if (getBytes(fd, SOL_SOCKET, SO_MEMINFO, memory, length) !== 0) return undefined;
      if (length[0] < memory.byteLength) return undefined;
      return { queuedBytes: memory[SK_MEMINFO_RMEM_ALLOC]!, drops: memory[SK_MEMINFO_DROPS]! };
    },
    attachFilter: (fd, program) => {
      const value = { len: program.length / SOCK_FILTER_LEN, filter: program };
      if (attach(fd, SOL_SOCKET, SO_ATTACH_FILTER, value, koffi.sizeof(fprog)) !== 0) {
        throw kernelError('attaching the event filter', koffi.errno());
      }
    },
  };
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}
