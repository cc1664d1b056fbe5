import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecentBreaks } from '../../../../src/report/status/recent-breaks.ts';
import { NOON_MS, pickup } from '../samples.ts';

test('the newest come first, with their numbers; the oldest make room', () => {
  const breaks = createRecentBreaks(3);
  assert.deepEqual(breaks.newest(10), []);
  for (let i = 1; i <= 5; i++) breaks.add(pickup({ pickedUpAtMs: NOON_MS + i }));
  assert.deepEqual([breaks.total, breaks.kept], [5, 3]);
  const seen = breaks
    .newest(10)
    .map(({ number, pickup: { pickedUpAtMs } }) => [number, pickedUpAtMs - NOON_MS]);
  assert.deepEqual(seen, [
    [5, 5],
    [4, 4],
    [3, 3],
  ]);
  assert.deepEqual(
    breaks.newest(1).map(({ number }) => number),
    [5],
  );
});

test('a pickup that is no proof of a break is not kept', () => {
  const breaks = createRecentBreaks();
  breaks.add(pickup({ broken: false, verdict: 'survived', mapping: 'same' }));
  assert.deepEqual([breaks.total, breaks.kept], [0, 0]);
});

test('a hundred thousand breaks leave 500', () => {
  const breaks = createRecentBreaks();
  for (let i = 0; i < 100_000; i++) breaks.add(pickup());
  assert.deepEqual([breaks.total, breaks.kept, breaks.newest(1e9).length], [100_000, 500, 500]);
});
