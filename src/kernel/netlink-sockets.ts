import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One row of /proc/net/netlink, a netlink socket of this network namespace. */
export interface NetlinkSocketRow {
  readonly protocol: number;
  readonly portId: number;
  /** The first 32 multicast groups it has joined, a bit each: group 1 is the lowest. */
  readonly groups: number;
  /** Messages the kernel could not queue for this socket since it was made. */
  readonly drops: number;
  readonly inode: number;
}

/**
 * Rows of /proc/net/netlink: `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`, where Eth is the protocol and
 * Pid the port id (net/netlink/af_netlink.c, netlink_native_seq_show). Columns are found by their heading.
 */
export function parseNetlinkSockets(text: string): NetlinkSocketRow[] {
  const [heading = '', ...lines] = text.split('\n');
  const names = heading.trim().split(/\s+/);
  const [protocol, portId, groups, drops, inode] = ['Eth', 'Pid', 'Groups', 'Drops', 'Inode'].map((name) =>
    names.indexOf(name),
  );
  const rows: NetlinkSocketRow[] = [];
  for (const line of lines) {
    const cells = line.trim().split(/\s+/);
    if (cells.length !== names.length) continue;
    rows.push({
      protocol: Number(cells[protocol!]),
      portId: Number(cells[portId!]),
      groups: Number.parseInt(cells[groups!]!, 16),
      drops: Number(cells[drops!]),
      inode: Number(cells[inode!]),
    });
  }
  return rows;
}

/** The row of one of this process's sockets. Undefined if /proc does not show it. */
export function findNetlinkSocket(protocol: number, portId: number): NetlinkSocketRow | undefined {
  const rows = parseNetlinkSockets(readFileSync('/proc/self/net/netlink', 'utf8'));
  return rows.find((row) => row.protocol === protocol && row.portId === portId);
}

/** Port ids of the sockets of this network namespace that have joined all of these groups of a protocol. */
export function findListeners(protocol: number, groups: readonly number[]): number[] {
  const wanted = groups.reduce((mask, group) => mask | (1 << (group - 1)), 0);
  const rows = parseNetlinkSockets(readFileSync('/proc/self/net/netlink', 'utf8'));
  const isOne = (row: NetlinkSocketRow) => row.protocol === protocol && (row.groups & wanted) === wanted;
  return rows.filter(isOne).map(({ portId }) => portId);
}

/** This process's file descriptor of the socket with that inode. */
export function findDescriptor(inode: number): number | undefined {
  const wanted = `socket:[${inode}]`;
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${name}`) === wanted) return Number(name);
    } catch {
      // The descriptor that readdir itself had open is gone by now.
    }
  }
  return undefined;
}
