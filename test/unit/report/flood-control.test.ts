import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFloodControl } from '../../../src/report/flood-control.ts';

const admitMany = (flood: ReturnType<typeof createFloodControl>, count: number, nowMs: number) =>
  Array.from({ length: count }, () => flood.admit(nowMs).allowed).filter(Boolean).length;

test('by default 50 lines at once, then 5 a second', () => {
  const flood = createFloodControl();
  assert.equal(admitMany(flood, 200, 0), 50);
  assert.equal(admitMany(flood, 200, 1000), 5);
  assert.equal(admitMany(flood, 200, 1100), 0);
  assert.equal(admitMany(flood, 200, 1200), 1);
  assert.equal(admitMany(flood, 200, 3_600_000), 50, 'the bucket holds no more than a burst');
});

test('the next line allowed says what was held back and for how long, once', () => {
  const flood = createFloodControl({ burst: 1, perSecond: 1 });
  assert.deepEqual(flood.admit(0), { allowed: true, heldBack: undefined });
  assert.deepEqual(flood.admit(100), { allowed: false, heldBack: undefined });
  assert.deepEqual(flood.admit(200), { allowed: false, heldBack: undefined });
  assert.deepEqual(flood.admit(1300), { allowed: true, heldBack: { lines: 2, periodMs: 1200 } });
  assert.deepEqual(flood.admit(2300), { allowed: true, heldBack: undefined });
  assert.equal(flood.drain(2300), undefined);
});

test('draining says it too, and starts a new period', () => {
  const flood = createFloodControl({ burst: 1, perSecond: 1 });
  admitMany(flood, 4, 0);
  assert.deepEqual(flood.drain(500), { lines: 3, periodMs: 500 });
  assert.equal(flood.drain(600), undefined);
  admitMany(flood, 1, 700);
  assert.deepEqual(flood.drain(900), { lines: 1, periodMs: 200 });
});

test('time that runs backwards gives no tokens, takes none, and refilling goes on from there', () => {
  const flood = createFloodControl({ burst: 2, perSecond: 1 });
  assert.equal(admitMany(flood, 1, 10_000), 1);
  assert.equal(admitMany(flood, 3, 4000), 1, 'the token that was left is still there');
  assert.deepEqual(flood.drain(3000), { lines: 2, periodMs: 0 });
  assert.equal(admitMany(flood, 3, 5000), 1, 'one second later there is one more');
  assert.equal(admitMany(flood, 3, 7000), 2);
});
