/** The demo as a person starts it: it tells a true story, and leaves nothing behind, also when it is stopped. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { PROGRAM } from '../../src/lab/agent-process.ts';
import { skip } from '../support/cluster.ts';
import { ownNamespaces } from '../support/leaks.ts';

function startDemo(t: TestContext, args: readonly string[]) {
  const temporary = mkdtempSync(join(tmpdir(), 'cw-test-'));
  t.after(() => rmSync(temporary, { recursive: true, force: true }));
  const child = spawn(process.execPath, [PROGRAM, 'demo', ...args], {
    env: { ...process.env, TMPDIR: temporary },
  });
  const demo = { child, stdout: '', stderr: '', ended: once(child, 'close') };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    demo.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    demo.stderr += text;
  });
  const leavesNothing = () => {
    assert.deepEqual(ownNamespaces(child.pid!), []);
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith('conntrack-watchdog-demo-')),
      [],
    );
  };
  return { demo, leavesNothing };
}

describe('demo', { skip }, () => {
  for (const args of [[], ['--rules', 'nftables', '--family', '6']]) {
    test(`tells what client, kernel, agent and metric said, in under 20 s: demo ${args.join(' ')}`, async (t) => {
      const begin = performance.now();
      const { demo, leavesNothing } = startDemo(t, args);
      const [code] = await demo.ended;
      assert.deepEqual([code, demo.stderr], [0, '']);
      assert.ok(performance.now() - begin < 20_000);
      assert.match(demo.stdout, /audit +3 of 3 connections through Services will break if they stay idle/);
      assert.match(demo.stdout, /port \d+: ECONNRESET/);
      assert.match(
        demo.stdout,
        /DESTROY +tcp 6 ESTABLISHED .*\n.*\n.*NEW +tcp 6 \d+ ESTABLISHED .*\n.*\[UNREPLIED\].*\n.*DESTROY +tcp 6 \d+ CLOSE/,
      );
      assert.match(
        demo.stdout,
        /Connection from shop\/checkout-\S+ \(Deployment\/checkout\) to shop\/redis:6379 was reset/,
      );
      assert.match(demo.stdout, /conntrack_watchdog_broken_connections_total\n[^>]*\n? +0 -> \d/);
      leavesNothing();
    });
  }

  for (const [signal, moment] of [
    ['SIGINT', 'On this machine'],
    ['SIGTERM', 'opened 3 connections'],
  ] as const) {
    test(`${signal} at "${moment}": everything is removed, and it says so`, async (t) => {
      const { demo, leavesNothing } = startDemo(t, []);
      while (!demo.stdout.includes(moment)) await once(demo.child.stdout, 'data');
      demo.child.kill(signal);
      await demo.ended;
      assert.equal(
        demo.stderr,
        `conntrack-watchdog: stopped by ${signal}; everything the demo made is removed\n`,
      );
      leavesNothing();
    });
  }
});
