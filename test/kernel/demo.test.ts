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

  test('with --protect it shows that connections outlive their timeout', async (t) => {
    const lines = [['--protect'], ['--protect=renew', '--rules', 'nftables', '--family', '6']];
    // Side by side, as the story is mostly waiting.
    const demos = lines.map((args) => startDemo(t, args));
    for (const { demo, leavesNothing } of demos) {
      const [code] = await demo.ended;
      assert.deepEqual([code, demo.stderr], [0, '']);
      assert.match(demo.stdout, /audit +3 of 3 connections through Services are protected, 0 at risk:/);
      assert.match(demo.stdout, /shop\/Deployment\/checkout to shop\/redis:6379: 3 protected/);
      const flat = demo.stdout.replaceAll(/\s+/g, ' ');
      const left = flat.match(/time left of their entries[^+]*/g) ?? [];
      assert.equal(left.length, 2, 'before and after');
      for (const text of left) assert.equal(text.match(/port \d+ [1-6] s\b/g)?.length, 3, text);
      assert.match(flat, /did not, 3 of 3 would break if they stay idle/);
      assert.equal(demo.stdout.match(/port \d+: answered$/gm)?.length, 3);
      assert.match(
        demo.stdout,
        /UPDATE +tcp 6 6 ESTABLISHED .*\n.*\[ASSURED\].*\n +\[USERSPACE\] portid=\d+.*\n +and the same again at \d/,
      );
      assert.doesNotMatch(demo.stdout, /^ +[\d.]+ +DESTROY/m);
      const [, renewals] = /renewals_total\n(?: {4}.*\n)*? +0 -> (\d+)/.exec(demo.stdout) ?? [];
      assert.ok(Number(renewals) >= 6, 'each of three entries at least twice');
      assert.match(flat, /broken_connections_total is 0\./);
      leavesNothing();
    }
  });

  for (const [signal, moment, args] of [
    ['SIGINT', 'On this machine', []],
    ['SIGTERM', 'opened 3 connections', []],
    // The demo is idle then.
    ['SIGINT', 'stay idle; the first', []],
    ['SIGTERM', 'audit --protect off', ['--protect']],
  ] as const) {
    test(`${signal} at "${moment}": everything is removed, and it says so`, async (t) => {
      const { demo, leavesNothing } = startDemo(t, args);
      while (!demo.stdout.includes(moment)) await once(demo.child.stdout, 'data');
      demo.child.kill(signal);
      const killedAtMs = performance.now();
      await demo.ended;
      assert.ok(performance.now() - killedAtMs < 3000, 'it does not wait for the end of the story');
      assert.equal(
        demo.stderr,
        `conntrack-watchdog: stopped by ${signal}; everything the demo made is removed\n`,
      );
      leavesNothing();
    });
  }
});
