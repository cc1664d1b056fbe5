/** What the store does for entries that are renewed: by no packet, so that their idle time goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { msOf, RENEWAL_SKIPPED, tickOf } from '../../../src/audit/flow-columns.ts';
import type { FlowStore } from '../../../src/audit/flow-store.ts';
import { isDue, isUnchanged } from '../../../src/audit/protection.ts';
import { renewalWindow, roundInterval } from '../../../src/audit/renewal-window.ts';
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
  }
  nowMs += HOUR_MS;
  endsAtMs = nowMs - 10_000 + DAY * 1000;
  look();
  assert.ok(Math.abs(idleAt(store, nowMs)! - 10) <= 1, 'a packet, ten seconds ago');
});

/** How many of 200 packets, each at another moment between renewals, are noticed. Nothing else may be taken for one. */
function noticedOf200(timeout: number): number {
  const TOOK_MS = 60;
  const timeouts = { ...TIMEOUTS, established: timeout, unacknowledged: Math.min(300, timeout) };
  const intervalMs = roundInterval(timeout, 60_000);
  const window = renewalWindow(timeout, intervalMs + TOOK_MS);
  const between = (fromMs: number, told: number) => Math.abs(told - tickOf(fromMs)) <= 15;
  let noticed = 0;
  for (let i = 0; i < 200; i++) {
    const store = storeOf({ capacity: 4 }, START - 1);
    let nowMs = START + i * 13.7;
    let [activeMs, endsAtMs] = [nowMs, nowMs + timeout * 1000];
    const packetAtMs = nowMs + (3 + (2 * i) / 200) * timeout * 1000;
    const row = (atMs: number) => rowOf({ timeoutSeconds: Math.floor((endsAtMs - atMs) / 1000) });
    for (; nowMs < packetAtMs + 3 * timeout * 1000; nowMs += TOOK_MS + intervalMs + (i % 7)) {
      if (activeMs !== packetAtMs && nowMs >= packetAtMs) {
        assert.ok(between(activeMs, store.columns.lastActivity[0]!), 'idle until then');
        activeMs = packetAtMs;
        endsAtMs = packetAtMs + timeout * 1000;
      }
      snapshot(store, nowMs, [row(nowMs)], { timeouts });
      const atMs = nowMs + TOOK_MS;
      const rule = { nowTick: tickOf(nowMs), maxIdleTicks: 0, window };
      if (!isDue(store, rule, 0) || !isUnchanged(store, 0, row(atMs), atMs)) continue;
      endsAtMs = atMs + 1 + timeout * 1000;
      store.renewed(0, timeout, atMs + 2);
    }
    if (between(packetAtMs, store.columns.lastActivity[0]!)) noticed++;
  }
  return noticed;
}

test('a packet between renewals is noticed: nearly always with a timeout of seconds, always with one of minutes', () => {
  const noticed = [6, 10, 60, 600].map(noticedOf200);
  const least = [150, 170, 192, 198];
  assert.ok(
    noticed.every((count, i) => count >= least[i]!),
    String(noticed),
  );
});

test('an agent that is held up before it reads what the kernel made takes nothing for a packet', () => {
  const HELD_UP_MS = 4000;
  const TIMEOUT = 3600;
  const delays = fc.array(fc.tuple(fc.nat(HELD_UP_MS), fc.nat(HELD_UP_MS), fc.boolean()), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(delays, (rounds) => {
      const store = storeOf({}, START - 1);
      let [madeAtMs, endsAtMs] = [START, START + TIMEOUT * 1000];
      for (const [reading, renewing, isRenewed] of rounds) {
        madeAtMs += 60_000 + reading;
        const nowMs = madeAtMs + reading;
        store.begin(madeAtMs - 5, { ...TIMEOUTS, established: TIMEOUT }, false);
        store.at(nowMs, madeAtMs - 5);
        store.put(rowOf({ timeoutSeconds: Math.floor((endsAtMs - madeAtMs) / 1000) }));
        const idle = (nowMs - START) / 1000;
        const told = idleAt(store, nowMs)!;
        assert.ok(told >= idle - HELD_UP_MS / 1000 - 1 && told <= idle + 1, `told ${told}, was ${idle}`);
        madeAtMs = nowMs + renewing;
        const row = rowOf({ timeoutSeconds: Math.floor((endsAtMs - madeAtMs) / 1000) });
        assert.ok(isUnchanged(store, 0, row, madeAtMs - 5));
        if (!isRenewed) continue;
        endsAtMs = madeAtMs + TIMEOUT * 1000;
        store.renewed(0, TIMEOUT, madeAtMs + 5);
      }
    }),
    { numRuns: 500 },
  );
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

test('the end of a renewed entry is known: as of one whose whole seconds are cut off, half a second before the latest', () => {
  const store = storeOf({}, START - 1);
  snapshot(store, START, [rowOf({ timeoutSeconds: 100 })], { timeouts: { ...TIMEOUTS, established: 200 } });
  store.renewed(0, 200, START + 50_040);
  assert.equal(msOf(store.columns.expiresAt[0]!), START + 249_500);
});
