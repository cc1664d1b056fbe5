import { NETLINK_NETFILTER, NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_NEW } from '../lib/ctnetlink.ts';
import type { Datagram } from '../model/datagram.ts';
import { kernelError } from './errors.ts';
import { EVENT_FILTER } from './filter.ts';
import { createLostPlaces } from './lost-places.ts';
import { errnoOf, type NetlinkSocketSettings, openNetlinkSocket } from './netlink-socket.ts';
import { findNetlinkSocket } from './netlink-sockets.ts';

/**
 * An event with every extension the kernel knows stays below 1 KiB, and each comes in a datagram of its own.
 * The `netlink` package allocates and clears this much for each.
 */
const EVENT_DATAGRAM_BYTES = 2048;
const BATCH = 64;

/** The stream of conntrack events that can be evidence. */
export interface EventSocket {
  /** What the kernel granted, as it counts: twice the bytes asked for. */
  readonly receiveBufferBytes: number;
  /**
   * Messages the kernel could not queue since the socket was opened; undefined if /proc cannot be read just now
   * (no file descriptor left, for example). After `close` it stays at what it was then.
   */
  drops(): number | undefined;
  /** Tells `onLost` of what was lost after the last message, if the queue is empty. */
  tellLost(): void;
  /** Tells `onLost` of all that it was not told yet, and closes. */
  close(): void;
}

export type EventSocketSettings = Omit<NetlinkSocketSettings, 'datagramBytes' | 'batch' | 'onLotEnd'> & {
  /** The BPF program; undefined lets everything through (for tests and for showing every event). */
  readonly filter?: Uint8Array | undefined;
  readonly groups?: readonly number[];
  /**
   * Called between the messages where the kernel dropped some, with their number: together they are what `drops` gives.
   * The place is exact to a lot of 64.
   */
  readonly onLost?: ((lost: number) => void) | undefined;
};

/**
 * Subscribes to NEW and DESTROY. The filter is attached before a group is joined, so nothing unfiltered is ever
 * queued; UPDATE is not joined, so the kernel does not even build those messages. Throws a KernelError.
 */
export function openEventSocket(settings: EventSocketSettings): EventSocket {
  const { onLost } = settings;
  const places = createLostPlaces(() => socket.options.queueState(socket.fd));
  const tell = (lost: number) => {
    if (lost > 0) onLost?.(lost);
  };
  const onDatagram = (datagram: Datagram) => {
    tell(places.beforeMessage());
    settings.onDatagram(datagram);
  };
  const socket = openNetlinkSocket({
    ...settings,
    ...(onLost && { onDatagram, onLotEnd: places.afterLot }),
    datagramBytes: EVENT_DATAGRAM_BYTES,
    batch: BATCH,
  });
  try {
    const filter = 'filter' in settings ? settings.filter : EVENT_FILTER;
    if (filter) socket.options.attachFilter(socket.fd, filter);
    for (const group of settings.groups ?? [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY]) {
      join(socket.raw, group);
    }
    let closed = false;
    let lastDrops = 0;
    return {
      receiveBufferBytes: socket.options.receiveBuffer(socket.fd),
      drops: () => {
        const drops = closed ? undefined : readDrops(socket.portId);
        if (drops !== undefined) lastDrops = drops;
        return closed ? lastDrops : drops;
      },
      tellLost: () => {
        if (onLost && !closed) tell(places.whenQuiet());
      },
      close: () => {
        if (onLost && !closed) tell(places.atEnd());
        lastDrops = readDrops(socket.portId) ?? lastDrops;
        closed = true;
        socket.close();
      },
    };
  } catch (error) {
    socket.close();
    throw error;
  }
}

function readDrops(portId: number): number | undefined {
  try {
    return findNetlinkSocket(NETLINK_NETFILTER, portId)?.drops;
  } catch {
    return undefined;
  }
}

function join(raw: { addMembership(group: number): void }, group: number): void {
  try {
    raw.addMembership(group);
  } catch (error) {
    throw kernelError('subscribing to conntrack events', errnoOf(error), error);
  }
}
