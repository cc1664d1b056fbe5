import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { modifiedAt, settle } from '../../../build/timestamps.ts';

test('SOURCE_DATE_EPOCH is whole seconds; without it the time is a fixed one', () => {
  assert.equal(modifiedAt('1790000000'), 1_790_000_000);
  assert.equal(modifiedAt(undefined), 0);
  assert.equal(modifiedAt(''), 0);
  for (const wrong of ['yesterday', '-1', '1.5', ' 1', '999999999999']) {
    assert.throws(() => modifiedAt(wrong), /SOURCE_DATE_EPOCH must be whole seconds/, wrong);
  }
});

test('every file and folder gets that time, and rights that do not depend on the umask', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'inner'), { mode: 0o700 });
  writeFileSync(join(folder, 'inner/file'), 'x', { mode: 0o600 });
  settle(folder, 1_790_000_000);
  const seen = ['.', 'inner', 'inner/file'].map((name) => {
    const { mtimeMs, mode } = statSync(join(folder, name));
    return [mtimeMs, (mode & 0o777).toString(8)];
  });
  assert.deepEqual(seen, [
    [1_790_000_000_000, '755'],
    [1_790_000_000_000, '755'],
    [1_790_000_000_000, '644'],
  ]);
});
