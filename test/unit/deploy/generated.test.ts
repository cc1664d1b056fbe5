import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OUTPUTS } from '../../../deploy/generate.ts';
import { DEPLOY } from './kustomize.ts';

for (const { path, text } of OUTPUTS) {
  test(`deploy/${path} is what npm run generate makes`, () => {
    const made = text();
    assert.equal(readFileSync(join(DEPLOY, path), 'utf8'), made, 'run npm run generate');
    assert.equal(text(), made, 'the second time it is the same');
  });
}
