import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StringPool } from '../../../src/lib/string-pool.ts';

test('equal strings share a number, and it is given again only when nobody uses it', () => {
  const pool = new StringPool();
  const a = pool.take('a');
  assert.equal(pool.take('a'), a);
  const b = pool.take('b');
  assert.notEqual(b, a);
  assert.deepEqual([pool.get(a), pool.get(b), pool.size], ['a', 'b', 2]);
  pool.release(a);
  assert.equal(pool.find('a'), a);
  pool.release(a);
  assert.deepEqual([pool.find('a'), pool.size], [0, 1]);
  assert.equal(pool.take('c'), a);
  assert.equal(pool.find('missing'), 0);
});
