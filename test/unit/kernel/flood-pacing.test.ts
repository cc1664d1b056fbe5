import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floodPacing } from '../../../src/kernel/flood-pacing.ts';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('outside of a flood nothing waits', () => {
  let now = 0;
  const pacing = floodPacing(() => now);
  for (let i = 0; i < 100; i++) {
    now += 1;
    assert.equal(pacing.gather(5), false, `at ${now} ms`);
  }
});

test('in a flood it gathers once a turn of the event loop, and stops when the flood is over', async () => {
  let now = 0;
  const pacing = floodPacing(() => now);
  assert.equal(pacing.gather(64), true);
  assert.equal(pacing.gather(64), false, 'a second time in the same turn');
  await nextTurn();
  now += 5;
  assert.equal(pacing.gather(1), true);
  await nextTurn();
  now += 11;
  assert.equal(pacing.gather(1), true, 'the window before was a flood');
  await nextTurn();
  now += 11;
  assert.equal(pacing.gather(1), false);
});

test('a clock that runs backwards ends the window', () => {
  let now = 1000;
  const pacing = floodPacing(() => now);
  assert.equal(pacing.gather(1), false);
  now = 0;
  assert.equal(pacing.gather(1), false);
});
