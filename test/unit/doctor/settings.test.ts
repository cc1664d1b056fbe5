import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkProcesses, type ProcessFacts } from '../../../src/doctor/processes.ts';
import { failedCheck } from '../../../src/doctor/result.ts';
import { checkStats, checkTable, checkZones } from '../../../src/doctor/table.ts';
import { checkTcpBeLiberal, checkTcpLoose } from '../../../src/doctor/tcp-settings.ts';

test('tcp_loose: off fails, as breaks cannot be seen', () => {
  const off = checkTcpLoose(0);
  assert.equal(off.status, 'FAIL');
  assert.match(off.seen, /no broken connection can be seen/);
  assert.equal(off.fix?.[0], 'sysctl -w net.netfilter.nf_conntrack_tcp_loose=1');
  assert.deepEqual([checkTcpLoose(1).status, checkTcpLoose(3).status], ['OK', 'OK']);
  assert.equal(checkTcpLoose(undefined).status, 'WARN');
});

test('tcp_be_liberal is told, both ways', () => {
  assert.deepEqual([checkTcpBeLiberal(0).status, checkTcpBeLiberal(1).status], ['OK', 'OK']);
  assert.notEqual(checkTcpBeLiberal(0).seen, checkTcpBeLiberal(1).seen);
  assert.equal(checkTcpBeLiberal(undefined).status, 'WARN');
});

test('a table warns from 80 % on, and fails from 95 %', () => {
  const rows = [
    [0, 262_144, 'OK'],
    [799, 1000, 'OK'],
    [800, 1000, 'WARN'],
    [949, 1000, 'WARN'],
    [950, 1000, 'FAIL'],
    [1000, 1000, 'FAIL'],
    [1200, 1000, 'FAIL'],
    [5000, 0, 'OK'],
    [undefined, 1000, 'WARN'],
    [1, undefined, 'WARN'],
  ] as const;
  for (const [count, max, status] of rows) {
    assert.equal(checkTable({ count, max }).status, status, `${count} of ${max}`);
  }
  assert.equal(checkTable({ count: 800, max: 1000 }).seen, '800 entries of 1000, 80 %.');
  assert.equal(
    checkTable({ count: 800, max: 1000 }).fix?.[0],
    'sysctl -w net.netfilter.nf_conntrack_max=2000',
  );
});

test('statistics warn of what a full table leaves', () => {
  const none = { drop: 0, early_drop: 0, insert_failed: 12, invalid: 400 };
  assert.equal(checkStats(none).status, 'OK');
  assert.match(checkStats(none).seen, /drop 0, early_drop 0, insert_failed 12, invalid 400\.$/);
  assert.equal(checkStats({ ...none, drop: 1 }).status, 'WARN');
  assert.equal(checkStats({ ...none, early_drop: 1 }).status, 'WARN');
  assert.equal(checkStats(undefined).status, 'WARN');
});

test('zones are named in order, the first ten', () => {
  assert.match(checkZones(new Set()).seen, /No open connection/);
  assert.equal(checkZones(new Set([9])).seen, 'Open connections are in zone 9.');
  const many = checkZones(new Set([12, ...Array.from({ length: 11 }, (_, i) => 11 - i)]));
  assert.equal(many.seen, 'Open connections are in zones 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and more.');
  assert.equal(checkZones(undefined).status, 'WARN');
});

test('processes: those of pods, those of the node alone, those of a container alone, hidden ones', () => {
  const node: ProcessFacts = {
    procPath: '/proc',
    processes: 300,
    namespaces: 12,
    unreadable: 0,
    problem: undefined,
    kernelThreads: true,
  };
  assert.equal(checkProcesses(node).status, 'OK');
  assert.match(checkProcesses(node).seen, /^\/proc shows 300 processes in 12 network namespaces/);
  assert.equal(checkProcesses({ ...node, namespaces: 1 }).status, 'OK');
  // A node that is a container itself (kind): no kernel threads, but pods.
  assert.equal(checkProcesses({ ...node, kernelThreads: false }).status, 'OK');
  const own = checkProcesses({ ...node, processes: 1, namespaces: 1, kernelThreads: false });
  assert.equal(own.status, 'WARN');
  assert.match(own.seen, /1 process in 1 network namespace: only those of this container/);
  assert.match(own.seen, /--protect renew protects no connection of a pod\.$/);
  const hidden = checkProcesses({ ...node, unreadable: 3, problem: '/proc/1/net/tcp: EACCES' });
  assert.equal(hidden.status, 'WARN');
  assert.match(
    hidden.seen,
    /3 could not be looked into \(\/proc\/1\/net\/tcp: EACCES\)\. Their connections are not protected/,
  );
  assert.doesNotMatch(checkProcesses(node).seen, /protect/);
  assert.match(checkProcesses(node).why, /--protect renew/);
});

test('a check that could not be made is a warning with the reason', () => {
  const result = failedCheck({ id: 'x', title: 'y' }, new Error('no such thing'));
  assert.deepEqual([result.id, result.title, result.status], ['x', 'y', 'WARN']);
  assert.equal(result.seen, 'The check could not be made: no such thing.');
  assert.match(failedCheck({ id: 'x', title: 'y' }, 'thrown').seen, /thrown/);
});
