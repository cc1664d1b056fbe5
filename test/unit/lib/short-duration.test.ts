import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortDuration } from '../../../src/lib/short-duration.ts';

test('from microseconds to days, in the unit a person would use', () => {
  const rows = [
    [-1, '0 µs'],
    [0.0419, '42 µs'],
    [2.104, '2.1 ms'],
    [850.4, '850 ms'],
    [1500, '1.5 s'],
    [90_000, '1 min 30 s'],
    [432_000_000, '5 d'],
  ] as const;
  for (const [milliseconds, text] of rows) assert.equal(shortDuration(milliseconds), text);
});
