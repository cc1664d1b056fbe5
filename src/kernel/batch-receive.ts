import koffi from 'koffi';

// bits/socket.h, linux/netlink.h; sizes of the 64-bit ABIs (x86-64 and arm64 agree).
const MSG_DONTWAIT = 0x40;
const SIZEOF_MMSGHDR = 64;
const SIZEOF_IOVEC = 16;
const SIZEOF_SOCKADDR_NL = 12;
const SOCKADDR_NL_STRIDE = 16;
const SOCKADDR_NL_PID = 4;
const MSGHDR_NAME = 0;
const MSGHDR_NAMELEN = 8;
const MSGHDR_IOV = 16;
const MSGHDR_IOVLEN = 24;
const MMSGHDR_LEN = 56;

/**
 * Reads what is queued on a netlink socket, up to `count` datagrams by one recvmmsg(2), into one buffer that is
 * used again for the next lot. The `netlink` package allocates and calls back for each datagram, four times the
 * cost; in a flood (a flush of the whole table) that is what keeps up and stays small.
 *
 * Returns how many datagrams were read. `bytes` is valid only during the call of `onDatagram`. `onError` is for sockets
 * that nobody else polls.
 */
export type BatchReceive = (onDatagram: (bytes: Uint8Array, portId: number) => void) => number;

/** Bound once. */
let recvmmsg: ReturnType<ReturnType<typeof koffi.load>['func']> | undefined;

export function batchReceive(
  fd: number,
  count: number,
  datagramBytes: number,
  onError?: (errno: number) => void,
): BatchReceive {
  recvmmsg ??= koffi.load(null).func('int recvmmsg(int, void *, unsigned int, int, void *)');
  const receive = recvmmsg;
  // One block for everything the kernel is given a pointer to: it lives as long as any part of it is in use. Far
  // above the size of what V8 keeps on its own, movable heap.
  const iovecs = count * SIZEOF_MMSGHDR;
  const names = iovecs + count * SIZEOF_IOVEC;
  const payload = names + count * SOCKADDR_NL_STRIDE;
  const memory = new Uint8Array(payload + count * datagramBytes);
  const view = new DataView(memory.buffer);
  const base = koffi.address(memory);
  const setPointer = (at: number, offset: number) => view.setBigUint64(at, base + BigInt(offset), true);
  for (let i = 0; i < count; i++) {
    const iovec = iovecs + i * SIZEOF_IOVEC;
    setPointer(iovec, payload + i * datagramBytes);
    view.setBigUint64(iovec + 8, BigInt(datagramBytes), true);
    const header = i * SIZEOF_MMSGHDR;
    setPointer(header + MSGHDR_NAME, names + i * SOCKADDR_NL_STRIDE);
    setPointer(header + MSGHDR_IOV, iovec);
    view.setBigUint64(header + MSGHDR_IOVLEN, 1n, true);
  }
  return (onDatagram) => {
    // The kernel shortens these to what it wrote.
    for (let i = 0; i < count; i++) {
      view.setUint32(i * SIZEOF_MMSGHDR + MSGHDR_NAMELEN, SIZEOF_SOCKADDR_NL, true);
    }
    const result: number = receive(fd, memory, count, MSG_DONTWAIT, null);
    // Most often EAGAIN: there is nothing to read.
    if (result < 0) onError?.(koffi.errno());
    const received = Math.max(0, result);
    for (let i = 0; i < received; i++) {
      const length = view.getUint32(i * SIZEOF_MMSGHDR + MMSGHDR_LEN, true);
      const portId = view.getUint32(names + i * SOCKADDR_NL_STRIDE + SOCKADDR_NL_PID, true);
      const start = payload + i * datagramBytes;
      onDatagram(memory.subarray(start, start + Math.min(length, datagramBytes)), portId);
    }
    return received;
  };
}
