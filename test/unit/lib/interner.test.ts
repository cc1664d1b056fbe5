import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Interner } from '../../../src/lib/interner.ts';

test('what comes out is what goes in, however many there were', () => {
  const interner = new Interner(3);
  for (let i = 0; i < 20; i++) {
    assert.equal(interner.intern(`node-${i % 7}`), `node-${i % 7}`);
    assert.ok(interner.size <= 3);
  }
});
