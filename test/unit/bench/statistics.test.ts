import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { median, percentile, rotated } from '../../../bench/statistics.ts';

test('the median is the middle, and needs no order', () => {
  assert.equal(median([30, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 100]), 3.5);
  assert.equal(median([7]), 7);
  assert.ok(Number.isNaN(median([])));
});

test('a percentile is a value that was measured', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(percentile(hundred, 0.99), 99);
  assert.equal(percentile(hundred, 0.5), 50);
  assert.equal(percentile(hundred, 1), 100);
  assert.equal(percentile(hundred, 0), 1);
  assert.equal(percentile([5], 0.99), 5);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('at least the share asked for is not above the percentile', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const limit = percentile(values, share);
        assert.ok(values.includes(limit));
        assert.ok(values.filter((value) => value <= limit).length >= share * values.length - 1e-9);
      },
    ),
  );
});

test('numbers are sorted as numbers, and the argument is left alone', () => {
  const values = [10, 9, 100];
  assert.equal(median(values), 10);
  assert.deepEqual(values, [10, 9, 100]);
});

test('everybody is first once in a full turn', () => {
  const orders = [0, 1, 2, 3].map((by) => rotated(['x', 'y', 'z'], by).join(''));
  assert.deepEqual(orders, ['xyz', 'yzx', 'zxy', 'xyz']);
});
