import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMachineStat, parseProcessStat } from '../../../bench/cpu.ts';
import { parseEventQueues } from '../../../bench/event-queue.ts';
import { parseResident } from '../../../bench/resident.ts';

// Linux 6.18, /proc/PID/stat; utime 123 and stime 45.
const PROCESS =
  '4711 (node) S 1 4711 4711 0 -1 4194304 9000 0 0 0 123 45 7 8 20 0 11 0 100 1000000 30000 18446744073709551615\n';

test('CPU of a process is user and system time, without its children', () => {
  assert.equal(parseProcessStat(PROCESS), 1680);
});

test('a process may be called anything', () => {
  assert.equal(parseProcessStat(PROCESS.replace('(node)', '(a) S 1 (b c)')), 1680);
});

test('the machine is busy with everything but idle, iowait and steal', () => {
  const text = 'cpu  1 20 300 4000 50000 600000 7000000 80000000 0 0\ncpu0 9 9 9 9 9 9 9 9 0 0\nintr 1\n';
  assert.equal(parseMachineStat(text), (1 + 20 + 300 + 600_000 + 7_000_000) * 10);
});

// Linux 6.18: a request socket, the event socket (groups 1 and 3), conntrack -E (1 to 3), and a route listener.
const NETLINK = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
00000000bb5db6f6 12  4711       00000000 0        0        0     2        0        1000
00000000bb5db6f7 12  4294962587 00000005 1280     0        0     2        74714    1001
00000000bb5db6f8 12  4712       00000007 0        0        0     2        3        1002
00000000bb5db6f9 0   4713       00000001 0        0        0     2        9        1003
`;

test('an event queue is a netfilter socket that has joined a group', () => {
  assert.deepEqual(parseEventQueues(NETLINK), [
    { inode: 1001, queuedBytes: 1280, drops: 74714 },
    { inode: 1002, queuedBytes: 0, drops: 3 },
  ]);
  assert.deepEqual(parseEventQueues(''), []);
});

test('resident memory is that line and no other', () => {
  const status = 'VmPeak:\t 2097152 kB\nVmHWM:\t  120000 kB\nVmRSS:\t   83612 kB\nRssAnon:\t   40000 kB\n';
  assert.equal(parseResident(status), 83_612);
  assert.equal(parseResident(status, 'VmHWM'), 120_000);
  assert.ok(Number.isNaN(parseResident('VmHWM:\t  120000 kB\n')));
});
