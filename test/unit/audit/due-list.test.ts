import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DueList } from '../../../src/audit/due-list.ts';

function listOf(leftTicks: readonly number[]): DueList<string> {
  const list = new DueList<string>();
  for (const [slot, left] of leftTicks.entries()) list.add(slot, left, `owner ${slot % 3}`);
  return list;
}

test('those with the least time left, each with whom it belongs to', () => {
  const list = listOf([500, 30, -20, 5_000_000, 35, 31]);
  assert.equal(list.size, 6);
  assert.deepEqual(
    [...list.first(10)].map(({ slot }) => slot),
    [0, 1, 2, 3, 4, 5],
  );
  assert.deepEqual(
    [...list.first(6)].map(({ slot }) => slot),
    [0, 1, 2, 3, 4, 5],
  );
  // Within a second they are not told apart: 30, 35 and 31 are all of the third one.
  assert.deepEqual(
    [...list.first(3)].map(({ slot }) => slot),
    [1, 2, 4],
  );
  assert.deepEqual([...list.first(1)], [{ slot: 2, owner: 'owner 2' }]);
  assert.deepEqual([...list.first(0)], []);
  assert.deepEqual([...new DueList<string>().first(5)], []);
});

test('never more than the limit, never one twice, and nobody left out has less time than one that is in', () => {
  const leftTicks = fc.array(
    fc.oneof(fc.integer({ min: -100, max: 100 }), fc.integer({ min: -100, max: 50_000_000 })),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(leftTicks, fc.nat(70), (all, limit) => {
      const list = listOf(all);
      const chosen = [...list.first(limit)];
      assert.equal(chosen.length, Math.min(limit, all.length));
      const slots = new Set(chosen.map(({ slot }) => slot));
      assert.equal(slots.size, chosen.length);
      assert.ok(chosen.every(({ slot, owner }) => owner === `owner ${slot % 3}`));
      const seconds = (slot: number) => Math.max(0, Math.min(432_000, Math.floor(all[slot]! / 10)));
      const last = Math.max(-1, ...chosen.map(({ slot }) => seconds(slot)));
      for (const [slot] of all.entries()) assert.ok(slots.has(slot) || seconds(slot) >= last);
      assert.deepEqual([...list.first(limit)], chosen, 'asked again it says the same');
    }),
    { numRuns: 300 },
  );
});
