import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequestPace } from '../../../src/report/request-pace.ts';

const LIMITS = { burst: 3, intervalMs: 100, backoffMinMs: 10, backoffMaxMs: 50 };

test('a burst at once, then one an interval; a pause fills the bucket, and not more than that', () => {
  const pace = createRequestPace(LIMITS, () => 0);
  const takeAt = (nowMs: number) => {
    assert.ok(pace.readyAtMs() <= nowMs);
    pace.take(nowMs);
    return pace.readyAtMs();
  };
  assert.deepEqual([takeAt(0), takeAt(0), takeAt(0)].at(-1), 100);
  assert.equal(takeAt(100), 200);
  assert.equal(takeAt(350), 300, 'half an interval is left over');
  assert.equal(takeAt(350), 400);
  const later = 10_000;
  assert.deepEqual([takeAt(later), takeAt(later), takeAt(later)].at(-1), later + 100);
});

test('failures wait for longer each time, up to a bound, and at least as long as they are told', () => {
  const pace = createRequestPace(LIMITS, () => 0);
  const waits = [undefined, undefined, undefined, undefined, 70, undefined].map((atLeastMs) => {
    pace.failed(1000, atLeastMs);
    return pace.readyAtMs() - 1000;
  });
  assert.deepEqual(waits, [10, 20, 40, 50, 70, 50]);
  pace.worked();
  pace.failed(2000);
  assert.equal(pace.readyAtMs(), 2010);
});

test('waits are spread by a fifth, never shortened', () => {
  const pace = createRequestPace(LIMITS, () => 0.5);
  pace.failed(0, 60_000);
  assert.equal(pace.readyAtMs(), 66_000);
});
