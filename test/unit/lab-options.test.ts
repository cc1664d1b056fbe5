import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { NODE_OPTIONS } from '../../src/lab/agent-process.ts';

test('tests and demo start the agent as scripts/run does', () => {
  const environment = readFileSync(new URL('../../scripts/environment', import.meta.url), 'utf8');
  assert.equal(/^WATCHDOG_NODE_OPTIONS='(.*)'$/m.exec(environment)?.[1], NODE_OPTIONS.join(' '));
  assert.match(environment, /^MALLOC_ARENA_MAX=1$/m);
});
