/** What the store does for entries that are renewed: by no packet, so that their idle time goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { msOf, RENEWAL_SKIPPED } from '../../../src/audit/flow-columns.ts';
import type { FlowStore } from '../../../src/audit/flow-store.ts';
import type { EntryKey } from '../../../src/model/protection.ts';
import { originalTuple } from '../../support/flow-events.ts';
import { originalTuple6, replyTuple6, rowOf, snapshot, storeOf, TIMEOUTS, wordsOf } from './rows.ts';

const START = 1e9;
const HOUR_MS = 3_600_000;
const DAY = 86_400;

/** Seconds since the last packet, as it is told. */
function idleAt(store: FlowStore, nowMs: number, slot = 0): number | undefined {
  const { lastActivityMs } = store.read(slot, 0);
  return lastActivityMs === undefined ? undefined : (nowMs - lastActivityMs) / 1000;
}

test('idle time goes on over renewals, and begins anew with a packet', () => {
  const store = storeOf({}, START - 1);
  let endsAtMs = START + DAY * 1000;
  let nowMs = START;
  const look = () =>
    snapshot(store, nowMs, [rowOf({ timeoutSeconds: Math.floor((endsAtMs - nowMs) / 1000) })]);
  look();
  for (let renewal = 1; renewal <= 20; renewal++) {
    nowMs += 15 * HOUR_MS + renewal * 371;
    look();
    endsAtMs = nowMs + 120 + DAY * 1000;
    store.renewed(0, DAY, nowMs + 120);
    nowMs += 60_000;
    look();
    const idle = idleAt(store, nowMs)!;
    assert.ok(Math.abs(idle - (nowMs - START) / 1000) <= 1, `${idle} s after ${renewal} renewals`);
    assert.ok(Math.abs(store.columns.expiresAt[0]! - (nowMs + 120 - 60_000 + DAY * 1000) / 100 - 1e9) <= 2);
  }
  nowMs += HOUR_MS;
  endsAtMs = nowMs - 10_000 + DAY * 1000;
  look();
  assert.ok(Math.abs(idleAt(store, nowMs)! - 10) <= 1, 'a packet, ten seconds ago');
});

test('what is not known before is counted from the renewal on', () => {
  const store = storeOf({}, START - 1);
  // Within the time that unacknowledged data leaves an entry.
  snapshot(store, START, [rowOf({ timeoutSeconds: 200 })]);
  assert.equal(idleAt(store, START), undefined);
  store.renewed(0, DAY, START);
  assert.equal(idleAt(store, START), undefined);
  snapshot(store, START + HOUR_MS, [rowOf({ timeoutSeconds: DAY - 3600 - 1 })]);
  assert.ok(Math.abs(idleAt(store, START + HOUR_MS)! - 3600) <= 1);
});

test('skipped is said once a timer: again after a packet, and after a renewal', () => {
  const store = storeOf();
  const isSkipped = () => (store.columns.flags[0]! & RENEWAL_SKIPPED) !== 0;
  const skip = () => {
    store.columns.flags[0]! |= RENEWAL_SKIPPED;
  };
  snapshot(store, START, [rowOf({ timeoutSeconds: 20_000 })]);
  assert.equal(isSkipped(), false);
  skip();
  snapshot(store, START + 60_000, [rowOf({ timeoutSeconds: 19_940 })]);
  assert.equal(isSkipped(), true, 'the timer runs on');
  snapshot(store, START + 120_000, [rowOf({ timeoutSeconds: 86_390 })]);
  assert.equal(isSkipped(), false, 'a packet');
  skip();
  store.renewed(0, DAY, START + 130_000);
  assert.equal(isSkipped(), false, 'renewed');
});

test('present is what the last dump has, and no event told the end of', () => {
  const store = storeOf();
  const row = (port: number) => rowOf({ original: originalTuple(port) });
  snapshot(store, START, [row(1), row(2), row(3)]);
  assert.deepEqual(
    [0, 1, 2].map((slot) => store.isPresent(slot)),
    [true, true, true],
  );
  snapshot(store, START + 60_000, [row(1), row(3)]);
  assert.deepEqual(
    [0, 1, 2].map((slot) => store.isPresent(slot)),
    [true, false, true],
    'before it is judged',
  );
  snapshot(store, START + 120_000, [row(1), row(3)], { judge: () => 'remember' });
  assert.deepEqual(
    [0, 1, 2].map((slot) => store.isPresent(slot)),
    [true, false, true],
    'remembered',
  );
  store.remove(0, originalTuple(3));
  assert.equal(store.isPresent(2), false, 'removed by what an event told');
});

test('putKey: the original tuple and the zone, in both families, whatever was there before', () => {
  const store = storeOf();
  snapshot(store, START, [
    rowOf({ zone: 7 }),
    rowOf({ original: originalTuple6(), reply: replyTuple6() }),
    rowOf({ original: originalTuple(50_000) }),
  ]);
  const key: EntryKey = {
    v6: true,
    words: new Uint32Array(8).fill(0xffff_ffff),
    sport: 1,
    dport: 1,
    zone: 99,
  };
  const { src, dst, sport, dport } = originalTuple();
  store.putKey(0, key);
  const { words, ...rest } = key;
  assert.deepEqual(rest, { v6: false, sport, dport, zone: 7 });
  assert.deepEqual([words[0], words[4]], [wordsOf(src)[0], wordsOf(dst)[0]]);
  store.putKey(1, key);
  const six = originalTuple6();
  assert.deepEqual([key.v6, key.sport, key.dport, key.zone], [true, six.sport, six.dport, 0]);
  assert.deepEqual([...key.words], [...wordsOf(six.src), ...wordsOf(six.dst)]);
  store.putKey(2, key);
  assert.deepEqual([key.v6, key.sport, key.zone, key.words[0]], [false, 50_000, 0, wordsOf(src)[0]]);
});

test('the end of a renewed entry is the whole timeout from then', () => {
  const store = storeOf({}, START - 1);
  snapshot(store, START, [rowOf({ timeoutSeconds: 100 })], { timeouts: { ...TIMEOUTS, established: 200 } });
  store.renewed(0, 200, START + 50_040);
  assert.equal(msOf(store.columns.expiresAt[0]!), START + 250_000);
});
