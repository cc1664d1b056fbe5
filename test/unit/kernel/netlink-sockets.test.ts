import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNetlinkSockets } from '../../../src/kernel/netlink-sockets.ts';

// cat /proc/net/netlink, Linux 6.18
const TEXT = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000001ac5f5ee 0   2371       00000110 0        0        0     2        0        11706
00000000d7c2a8d2 12  4194312345 00000005 768      0        0     2        110203   20144
00000000aabbccdd 12  0          00000000 0        0        0     2        0        35
`;

test('rows of /proc/net/netlink, found by their heading', () => {
  assert.deepEqual(parseNetlinkSockets(TEXT), [
    { protocol: 0, portId: 2371, groups: 0x110, drops: 0, inode: 11706 },
    { protocol: 12, portId: 4194312345, groups: 5, drops: 110203, inode: 20144 },
    { protocol: 12, portId: 0, groups: 0, drops: 0, inode: 35 },
  ]);
  assert.deepEqual(parseNetlinkSockets(''), []);
});
