import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../src/enrich/api-error.ts';
import { DEFAULT_TIMING } from '../../../src/enrich/follow-timing.ts';
import { type EndedWatch, SyncState } from '../../../src/enrich/sync-state.ts';

const { staleMs, silenceMs, relistMs, relistSpreadMs } = DEFAULT_TIMING;
const refusal = (status: number) => new ApiError('no', { status });
const broken = new ApiError('socket hang up');

function startState() {
  let nowMs = 1000;
  const state = new SyncState(DEFAULT_TIMING);
  return {
    state,
    listed: () => state.listed(nowMs),
    accepted: () => state.watchAccepted(nowMs),
    told: () => state.told(nowMs),
    isSynced: () => state.isSynced(nowMs),
    /** Unless said otherwise it was accepted, told nothing and ended at once. */
    ended: (watch: Partial<EndedWatch>) =>
      state.watchEnded({ wasAccepted: true, lines: 0, lastedMs: 0, failure: undefined, ...watch }, nowMs),
    passMs: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('two bookmarks may be missing, and a half-open watch is replaced, before names count as old', () => {
  assert.ok(2 * 61_000 < silenceMs && silenceMs < staleMs);
  const { listed, accepted, told, isSynced, passMs } = startState();
  assert.equal(isSynced(), false);
  for (const sign of [listed, accepted, told]) {
    sign();
    passMs(staleMs - 1);
    assert.equal(isSynced(), true);
    passMs(1);
    assert.equal(isSynced(), false);
  }
});

test('every third fruitless watch in a row leads to a list, whatever says that it was fruitless', () => {
  const rows: readonly Partial<EndedWatch>[] = [
    { failure: refusal(500) },
    { wasAccepted: false, failure: refusal(504) },
    { lastedMs: 60_000, failure: refusal(500) },
    { failure: broken },
    {},
  ];
  for (const watch of rows) {
    const { ended, listed, told } = startState();
    const three = () => [ended(watch), ended(watch), ended(watch)];
    assert.deepEqual(three(), [false, false, true], JSON.stringify(watch));
    listed();
    assert.deepEqual(three(), [false, false, true]);
    assert.equal(ended(watch), false);
    told();
    assert.deepEqual(three(), [false, false, true]);
  }
});

test('a server that is away, busy or does not know us leads to no list, an old version to one at once', () => {
  const rows: readonly Partial<EndedWatch>[] = [
    { wasAccepted: false, failure: broken },
    { wasAccepted: false, failure: refusal(401) },
    { wasAccepted: false, failure: refusal(429) },
    { failure: refusal(429) },
    { lines: 1, failure: refusal(500) },
    { lastedMs: 60_000, failure: broken },
    { lastedMs: 60_000 },
  ];
  for (const watch of rows) {
    const { listed, ended } = startState();
    listed();
    for (let i = 0; i < 7; i++) assert.equal(ended(watch), false, JSON.stringify(watch));
  }
  assert.equal(startState().ended({ failure: refusal(410) }), true);
});

test('after three fruitless watches in a row neither lists nor being accepted make names new', () => {
  const { listed, accepted, told, ended, isSynced, passMs } = startState();
  for (const failure of [refusal(500), broken, refusal(503)]) {
    passMs(staleMs);
    listed();
    accepted();
    assert.equal(isSynced(), true);
    ended({ failure });
  }
  passMs(staleMs);
  listed();
  accepted();
  assert.equal(isSynced(), false);
  told();
  assert.equal(isSynced(), true);
});

test('after a server that was away the first watch that is accepted is enough', () => {
  const { listed, accepted, ended, isSynced, passMs } = startState();
  listed();
  accepted();
  ended({ failure: broken, lastedMs: 60_000 });
  for (let i = 0; i < 9; i++) ended({ wasAccepted: false, failure: broken });
  passMs(staleMs);
  assert.equal(isSynced(), false);
  accepted();
  assert.equal(isSynced(), true);
});

test('without the right to watch nothing is up to date; one that is taken away leaves what was told to get old', () => {
  const { listed, accepted, ended, isSynced, passMs } = startState();
  const denied = { wasAccepted: false, failure: refusal(403) };
  listed();
  assert.equal(ended(denied), false);
  assert.equal(isSynced(), false);
  passMs(relistMs);
  assert.equal(ended(denied), true);
  listed();
  assert.equal(isSynced(), false);
  accepted();
  assert.equal(isSynced(), true);
  ended(denied);
  assert.equal(isSynced(), true);
  passMs(staleMs);
  listed();
  assert.equal(isSynced(), false);
});

test('waits grow with failed lists and watches; each kind forgets its own', () => {
  const { state, listed, ended } = startState();
  const wait = (isRelist = false) => state.waitMs(undefined, isRelist, () => 0.5);
  assert.equal(wait(), 1000);
  for (let i = 0; i < 3; i++) state.listFailed();
  assert.equal(wait(), 4000);
  listed();
  assert.equal(wait(), 1000, 'a list that works ends the waiting for lists');
  for (let i = 0; i < 3; i++) ended({ failure: refusal(500) });
  listed();
  assert.equal(wait(), 4000, 'a list says nothing of watches that fail');
  assert.equal(wait(true), 4000 + relistSpreadMs / 2);
  ended({ lines: 1 });
  assert.equal(wait(), 1000);
  assert.equal(state.waitMs(new ApiError('', { status: 429, retryAfterMs: 9000 }), false, Math.random), 9000);
});
