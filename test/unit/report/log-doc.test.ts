import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LOG_EVENTS } from '../../../src/report/log.ts';

const TOP = join(import.meta.dirname, '../../..');

test('every name of a line is used', () => {
  const files = globSync('src/**/*.ts', { cwd: TOP }).filter((file) => file !== 'src/report/log.ts');
  assert.ok(files.length > 100);
  const code = files.map((file) => readFileSync(join(TOP, file), 'utf8')).join();
  assert.deepEqual(
    LOG_EVENTS.filter((event) => !code.includes(`'${event}'`)),
    [],
  );
});

test('the table of docs/operations.md has every line of the log, and no other', () => {
  const text = readFileSync(join(TOP, 'docs/operations.md'), 'utf8');
  const [, section] = /\n## Log lines\n([\s\S]*?)\n## /.exec(text)!;
  const rows = [...section!.matchAll(/^\| (`.*?) \|/gm)].map(([, first]) => first!);
  const documented = rows.flatMap((first) => [...first.matchAll(/`(\w+)`/g)].map(([, event]) => event!));
  assert.deepEqual(documented.toSorted(), [...LOG_EVENTS].toSorted());
});
