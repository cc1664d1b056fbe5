import { endianness } from 'node:os';
// Not the package's index: that loads rtnetlink and nl80211 too, 9 MB that nobody here uses.
import { RawNetlinkSocket, type RawNetlinkSocketOptions } from 'netlink/dist/raw.js';
import { NETLINK_NETFILTER } from '../lib/ctnetlink.ts';
import type { Datagram } from '../model/datagram.ts';
import { batchReceive } from './batch-receive.ts';
import type { Clock } from './clock.ts';
import { KernelError, kernelError } from './errors.ts';
import { floodPacing } from './flood-pacing.ts';
import { findDescriptor, findNetlinkSocket } from './netlink-sockets.ts';
import { type SocketOptions, socketOptions } from './socket-options.ts';

/** Datagrams read in lots before the event loop gets its turn: some 10 ms of decoding and detecting. */
const MAX_A_TURN = 2048;

/** A netlink socket of the netfilter family with the options the agent needs. Opened and to be closed. */
export interface NetlinkSocket {
  readonly raw: RawNetlinkSocket;
  readonly portId: number;
  readonly fd: number;
  readonly options: SocketOptions;
  close(): void;
}

export interface NetlinkSocketSettings {
  /** Largest datagram that can arrive; longer ones are cut and reported as such. */
  readonly datagramBytes: number;
  readonly receiveBufferBytes: number;
  /** How many more datagrams to read at once when one has come; not given: none. */
  readonly batch?: number;
  readonly clock: Clock;
  readonly onDatagram: (datagram: Datagram) => void;
  /** Called when all that was read so far has been handed on. */
  readonly onLotEnd?: (() => void) | undefined;
}

/**
 * Opens the socket, silences its overflow (the `netlink` package aborts the process on ENOBUFS), and sizes its
 * receive buffer. It has joined no group yet. Throws a KernelError and leaves nothing open.
 */
export function openNetlinkSocket(settings: NetlinkSocketSettings): NetlinkSocket {
  if (process.platform !== 'linux' || endianness() !== 'LE') {
    throw new KernelError(
      'unsupported_host',
      `conntrack netlink needs Linux on a little-endian machine, this is ${process.platform} ${endianness()}`,
    );
  }
  const raw = openRaw(settings.datagramBytes);
  try {
    const { port: portId } = raw.address();
    const row = findNetlinkSocket(NETLINK_NETFILTER, portId);
    const fd = row && findDescriptor(row.inode);
    if (fd === undefined)
      throw new KernelError('socket', 'the netlink socket is not to be found in /proc/self');
    const options = socketOptions();
    options.ignoreOverflow(fd);
    options.forceReceiveBuffer(fd, settings.receiveBufferBytes);
    const handle = (bytes: Uint8Array, fromPortId: number) => {
      // A datagram from a port other than the kernel's is forged, or meant for somebody else.
      if (fromPortId === 0) settings.onDatagram({ bytes, receivedAtMs: settings.clock.wallMs() });
    };
    const receiveBatch = settings.batch
      ? batchReceive(fd, settings.batch, settings.datagramBytes)
      : undefined;
    const pacing = floodPacing(settings.clock.monotonicMs);
    // The package calls back up to 32 times before it returns to the event loop: the budget is for all of these.
    let budget = MAX_A_TURN;
    const read = () => {
      let received = 0;
      let count = settings.batch ?? 0;
      while (count === settings.batch && budget > 0) {
        count = receiveBatch?.(handle) ?? 0;
        received += count;
        budget -= count;
        if (count > 0) settings.onLotEnd?.();
      }
      return received;
    };
    const receiveMore = () => {
      if (budget === MAX_A_TURN) {
        setImmediate(() => {
          budget = MAX_A_TURN;
        });
      }
      const received = read();
      if (budget > 0 && pacing.gather(received + 1)) read();
    };
    const receive = (bytes: Uint8Array, from: { readonly port: number }) => {
      try {
        handle(bytes, from.port);
        settings.onLotEnd?.();
        if (receiveBatch) receiveMore();
      } catch (error) {
        // An exception must not unwind through the addon: that aborts without a word.
        process.nextTick(() => {
          throw error;
        });
      }
    };
    raw.on('message', receive);
    raw.on('truncatedMessage', receive);
    raw.on('error', (error) => {
      process.nextTick(() => {
        throw kernelError('reading a netlink socket', errnoOf(error), error);
      });
    });
    return { raw, portId, fd, options, close: () => raw.close() };
  } catch (error) {
    raw.close();
    throw error;
  }
}

function openRaw(datagramBytes: number): RawNetlinkSocket {
  // The package's type wants the sizes of both kernel buffers; undefined leaves them as they are.
  const options = { messagePeeking: false, msgBufferSize: datagramBytes } as RawNetlinkSocketOptions;
  try {
    return new RawNetlinkSocket(NETLINK_NETFILTER, options);
  } catch (error) {
    throw kernelError('opening a netlink socket', errnoOf(error), error);
  }
}

/** The `netlink` package throws errors with a positive or negative `errno`. */
export function errnoOf(error: unknown): number {
  return Math.abs(Number((error as { errno?: unknown }).errno ?? 0)) || 0;
}
