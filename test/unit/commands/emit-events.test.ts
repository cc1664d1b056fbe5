import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');

test('--emit-events without an API server is bad usage, said in one line, before anything is opened', () => {
  for (const [topology, source] of [
    [[], 'none'],
    [['--topology', 'none', '--kubeconfig', '/no/such/file'], 'none'],
    [['--topology', 'file:/no/such/file'], 'file:/no/such/file'],
  ] as const) {
    const { KUBERNETES_SERVICE_HOST: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [MAIN, 'agent', '--node-name', 'node-1', '--listen', '127.0.0.1:0', '--emit-events', ...topology],
      { encoding: 'utf8', env, timeout: 20_000, killSignal: 'SIGKILL' },
    );
    assert.equal(
      stderr,
      `conntrack-watchdog: agent: --emit-events needs --topology kubernetes, as Events go to the API server; here it is ${source}\n`,
    );
    assert.deepEqual([status, stdout], [2, '']);
  }
});
