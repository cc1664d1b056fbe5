import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OUTPUTS, TOP } from '../../../build/generate.ts';

for (const { path, text } of OUTPUTS) {
  test(`${path} is what npm run generate makes`, () => {
    const made = text();
    assert.equal(readFileSync(join(TOP, path), 'utf8'), made, 'run npm run generate');
    assert.equal(text(), made, 'the second time it is the same');
  });
}
