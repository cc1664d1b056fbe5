/** The command lab: a shell on the node, and nothing left when it ends. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { PROGRAM } from '../../src/lab/agent-process.ts';
import { skip } from '../support/cluster.ts';
import { ownNamespaces } from '../support/leaks.ts';

function startLab(args: readonly string[] = []) {
  const child = spawn(process.execPath, [PROGRAM, 'lab', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, SHELL: '/bin/sh' },
  });
  return { child, output: text(child.stdout), errors: text(child.stderr), ended: once(child, 'exit') };
}

// What the tutorial does not try.
test('with nftables and IPv6: the connections break, and with keepalive they do not', { skip }, async () => {
  const { child, output, errors, ended } = startLab(['--rules', 'nftables', '--family', '6']);
  child.stdin.end(
    'echo "$LAB"\napp next\napp keepalive 1\napp next\napp log | grep -c " is over$"\napp keepalive 0\nexit 7\n',
  );
  const [status] = await ended;
  assert.equal(status, 7, 'the exit status of its shell');
  const [folder, ...lines] = (await output).trim().split('\n');
  const rounds = lines.join('\n').split(/round \d+ is over\n/);
  assert.equal(rounds.length, 3, lines.join('\n'));
  assert.match(rounds[0]!, /keepalive off[\s\S]*connection reset by peer/);
  assert.match(rounds[1]!, /keepalive 1 s(?:\n.*: ok){16}\n/);
  assert.match(rounds[2]!, /^[3-9]$/, 'rounds so far');
  assert.equal((await errors).trim(), 'usage: app log | app next | app keepalive SECONDS|off');
  assert.equal(existsSync(folder!), false);
  assert.deepEqual(ownNamespaces(child.pid!), []);
});

test('a signal ends the lab while its shell runs, and nothing is left', { skip }, async () => {
  const { child, output, ended } = startLab();
  child.stdin.write('echo "$LAB"; exec sleep 100\n');
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  const [status] = await ended;
  assert.equal(status, 1);
  assert.equal(existsSync((await output).trim()), false);
  assert.deepEqual(ownNamespaces(child.pid!), []);
});
