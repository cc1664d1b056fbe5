/** The promise "it only reads": what can leave the process is made in one file, and that makes questions only. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as requests from '../../src/kernel/requests.ts';

const SRC = join(import.meta.dirname, '../../src');
const IPCTNL_MSG_CT_GET = 0x101;
const WRITING_FLAGS = 0x100 | 0x200 | 0x400 | 0x800; // NLM_F_REPLACE, _EXCL, _CREATE, _APPEND

test('every request is a GET without a flag that writes', () => {
  assert.deepEqual(Object.keys(requests), ['getEntryRequest']);
  const tuple = { src: '10.0.0.1', sport: 1, dst: '10.0.0.2', dport: 2 };
  const request = Buffer.from(requests.getEntryRequest(1, 0, tuple));
  assert.equal(request.readUInt16LE(4), IPCTNL_MSG_CT_GET);
  assert.equal(request.readUInt16LE(6) & WRITING_FLAGS, 0);
});

test('netlink messages are sent from one place, and only what requests.ts made is passed to it', () => {
  const senders = globSync('**/*.ts', { cwd: SRC }).filter((file) =>
    /\braw\.send\(/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  assert.deepEqual(senders, ['kernel/request-socket.ts']);
  const askers = globSync('**/*.ts', { cwd: SRC }).flatMap((file) =>
    [...readFileSync(join(SRC, file), 'utf8').matchAll(/requests\.ask\((.*)\)/g)].map(([, what]) => what),
  );
  assert.ok(askers.length > 0);
  assert.ok(
    askers.every((what) => /getEntryRequest\(sequence,/.test(what!)),
    String(askers),
  );
});

test('no sysctl is written and no program is started by what the agent runs', () => {
  const agent = globSync('{kernel,decode,detect,enrich,report,config,lib}/**/*.ts', { cwd: SRC });
  assert.ok(agent.length > 40);
  for (const file of [
    ...agent,
    'commands/agent.ts',
    'commands/agent-checkup.ts',
    'commands/watch-flows.ts',
  ]) {
    const text = readFileSync(join(SRC, file), 'utf8');
    assert.doesNotMatch(text, /child_process|writeFile|appendFile|createWriteStream/, file);
  }
});
