/** The event socket of a listener, seen from outside: nothing is asked of the listener itself. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

const NETLINK_NETFILTER = 12;
const POLL_MS = 1;
const TIMEOUT_MS = 30_000;

export interface EventQueue {
  readonly inode: number;
  /** Bytes of the receive buffer that hold messages the listener has not read. */
  readonly queuedBytes: number;
  /** Messages the kernel could not queue since the socket was opened. */
  readonly drops: number;
}

/** What the kernel says of the socket by which this process listens to conntrack; undefined if it has none. */
export function eventQueue(pid: number): EventQueue | undefined {
  const queues = parseEventQueues(readFileSync(`/proc/${pid}/net/netlink`, 'utf8'));
  const own = new Set(descriptors(pid));
  return queues.find(({ inode }) => own.has(`socket:[${inode}]`));
}

/** Waits until the process listens. */
export async function untilListening(pid: number): Promise<void> {
  await until(() => eventQueue(pid) !== undefined, `process ${pid} does not listen to conntrack`);
}

/** Waits until the process has read everything the kernel had for it. */
export async function untilDrained(pid: number): Promise<void> {
  await until(() => eventQueue(pid)?.queuedBytes === 0, `process ${pid} does not read its events`);
}

/**
 * Sockets of the netfilter family that have joined a group, in the columns of /proc/net/netlink:
 * `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode` (net/netlink/af_netlink.c, netlink_native_seq_show).
 */
export function parseEventQueues(text: string): EventQueue[] {
  return text.split('\n').flatMap((line) => {
    const [, protocol, , groups = '', queued, , , , drops, inode] = line.trim().split(/\s+/);
    if (Number(protocol) !== NETLINK_NETFILTER || /^0*$/.test(groups)) return [];
    return [{ inode: Number(inode), queuedBytes: Number(queued), drops: Number(drops) }];
  });
}

function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // Closed since it was listed.
    }
  });
}

async function until(isTrue: () => boolean, complaint: string): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`${complaint} after ${TIMEOUT_MS / 1000} s`);
    await setTimeout(POLL_MS);
  }
}
