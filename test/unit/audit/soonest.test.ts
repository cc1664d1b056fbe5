import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Soonest } from '../../../src/audit/soonest.ts';

test('it keeps what sorting everything would have put first', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000)), fc.integer({ min: 1, max: 20 }), (times, capacity) => {
      const soonest = new Soonest(capacity);
      for (const [slot, at] of times.entries()) soonest.add(slot, 'no_keepalive', undefined, at);
      const list = soonest.list();
      const sorted = times.toSorted((a, b) => a - b).slice(0, capacity);
      assert.deepEqual(
        list.map(({ at }) => at),
        sorted,
      );
      assert.ok(list.every(({ slot, at }) => times[slot] === at));
    }),
  );
});
