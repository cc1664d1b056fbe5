import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addCpuStats } from '../../../src/decode/cpu-stats.ts';
import { attr, cpuStatsMessage, doneMessage, errorMessage, netlinkMessage } from '../../support/packets.ts';

// enum ctattr_stats_cpu
const [FOUND, INVALID, INSERT, INSERT_FAILED, DROP, EARLY_DROP, ERROR, SEARCH_RESTART] = [
  2, 4, 8, 9, 10, 11, 12, 13,
];
const none = () => ({ drop: 0, early_drop: 0, insert_failed: 0, invalid: 0 });
const all = (n: number) => ({
  [FOUND]: 1000,
  [INVALID]: n,
  [INSERT]: 1000,
  [INSERT_FAILED]: 10 * n,
  [DROP]: 100 * n,
  [EARLY_DROP]: 1000 * n,
  [ERROR]: 1000,
  [SEARCH_RESTART]: 1000,
});
const sums = (n: number) => ({ drop: 100 * n, early_drop: 1000 * n, insert_failed: 10 * n, invalid: n });

test('all processors together, over datagrams, until the end', () => {
  const totals = none();
  assert.equal(
    addCpuStats(Buffer.concat([cpuStatsMessage(0, all(1)), cpuStatsMessage(1, all(2))]), totals),
    'more',
  );
  assert.deepEqual(totals, sums(3));
  assert.equal(addCpuStats(Buffer.concat([cpuStatsMessage(300, all(4)), doneMessage(1)]), totals), 'done');
  assert.deepEqual(totals, sums(7));
  assert.equal(addCpuStats(doneMessage(1), totals), 'done');
  assert.deepEqual(totals, sums(7));
});

test('counters of 32 bits each do not run over when they are added', () => {
  const totals = none();
  const most = cpuStatsMessage(0, { [DROP]: 0xffffffff });
  addCpuStats(Buffer.concat([most, most]), totals);
  assert.equal(totals.drop, 2 * 0xffffffff);
});

test('an error makes it worth nothing; nothing at all does not', () => {
  const totals = none();
  assert.equal(
    addCpuStats(Buffer.concat([cpuStatsMessage(0, all(1)), errorMessage(1, -1)]), totals),
    'failed',
  );
  assert.equal(addCpuStats(Buffer.alloc(0), totals), 'more');
});

test('messages of other types, and what an old kernel does not have, count nothing', () => {
  const totals = none();
  const other = netlinkMessage(0x105, 2, Buffer.concat([Buffer.alloc(4), attr(DROP, Buffer.alloc(4, 1))]));
  const old = cpuStatsMessage(0, { [DROP]: 5 });
  assert.equal(addCpuStats(Buffer.concat([other, old]), totals), 'more');
  assert.deepEqual(totals, { ...none(), drop: 5 });
});

test('a value of another size makes it worth nothing', () => {
  const bad = cpuStatsMessage(0, { [INVALID]: 1 }, attr(DROP, Buffer.alloc(8, 1)));
  assert.equal(addCpuStats(Buffer.concat([bad, cpuStatsMessage(1, all(2))]), none()), 'failed');
});

test('cut anywhere, or with a length that cannot be, it ends and counts no more than was sent', () => {
  const whole = Buffer.concat([cpuStatsMessage(0, all(1)), cpuStatsMessage(1, all(2)), doneMessage(1)]);
  const one = cpuStatsMessage(0, all(1)).length;
  for (let length = 0; length <= whole.length; length++) {
    const totals = none();
    addCpuStats(whole.subarray(0, length), totals);
    const complete = Math.min(2, Math.floor(length / one));
    assert.deepEqual(totals, sums([0, 1, 3][complete]!), `${length} bytes`);
  }
  for (const length of [0, 15, 10_000, 0xffffffff]) {
    const totals = none();
    const bad = Buffer.from(cpuStatsMessage(1, all(2)));
    bad.writeUInt32LE(length, 0);
    const bytes = Buffer.concat([cpuStatsMessage(0, all(1)), bad, cpuStatsMessage(2, all(4))]);
    assert.equal(addCpuStats(bytes, totals), 'failed');
  }
  addCpuStats(netlinkMessage(0x104, 2, Buffer.alloc(2)), none());
});
