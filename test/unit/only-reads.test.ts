/** The promise "it only reads": what can leave the process is made in one file, and that makes questions only. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as requests from '../../src/kernel/requests.ts';

const SRC = join(import.meta.dirname, '../../src');
const IPCTNL_MSG_CT_GET = 0x101;
const IPCTNL_MSG_CT_GET_STATS_CPU = 0x104;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;

test('every request is a GET of an entry, of the table, or of the statistics', () => {
  const tuple = { src: '10.0.0.1', sport: 1, dst: '10.0.0.2', dport: 2 };
  const made = {
    getEntryRequest: requests.getEntryRequest(1, 0, tuple),
    dumpEntriesRequest: requests.dumpEntriesRequest(1, true),
    dumpStatsRequest: requests.dumpStatsRequest(1),
  };
  assert.deepEqual(Object.keys(requests).toSorted(), Object.keys(made).toSorted());
  const typesAndFlags = Object.values(made).map((request) => [
    Buffer.from(request).readUInt16LE(4),
    Buffer.from(request).readUInt16LE(6),
  ]);
  assert.deepEqual(typesAndFlags, [
    [IPCTNL_MSG_CT_GET, NLM_F_REQUEST],
    [IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP],
    [IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_REQUEST | NLM_F_DUMP],
  ]);
});

test('netlink messages are sent from two places, and only what requests.ts made is passed to it', () => {
  const senders = globSync('**/*.ts', { cwd: SRC }).filter((file) =>
    /\braw\.send\(|\bsend\(fd|'long send\(/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  assert.deepEqual(senders.toSorted(), ['kernel/dump-socket.ts', 'kernel/request-socket.ts']);
  const askers = globSync('**/*.ts', { cwd: SRC }).flatMap((file) =>
    [...readFileSync(join(SRC, file), 'utf8').matchAll(/requests\.ask\((.*)\)/g)].map(([, what]) => what),
  );
  assert.ok(askers.length > 0);
  assert.ok(
    askers.every((what) => /getEntryRequest\(sequence,/.test(what!)),
    String(askers),
  );
  const dumps = globSync('**/*.ts', { cwd: SRC }).flatMap((file) =>
    [...readFileSync(join(SRC, file), 'utf8').matchAll(/\bopenDump\(([^:)]*[()].*)\)/g)].map(
      ([, what]) => what,
    ),
  );
  assert.deepEqual(dumps.toSorted(), ['dumpStatsRequest(1)', 'options.request(sequence)']);
});

test('what can be written to the API server is made in one file: Kubernetes Events', () => {
  const makers = globSync('**/*.ts', { cwd: SRC }).filter((file) =>
    /['"`](POST|PATCH|PUT|DELETE)['"`],/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  assert.deepEqual(makers, ['report/kubernetes-event-object.ts']);
});

test('no sysctl is written and no program is started by what the agent runs', () => {
  const agent = globSync('{kernel,decode,detect,audit,enrich,report,config,lib}/**/*.ts', { cwd: SRC });
  assert.ok(agent.length > 40);
  // These two build a cluster of their own, in namespaces of their own.
  const isLab = (file: string) => /\/(demo|demo-story|demo-topology|lab)\.ts$/.test(file);
  const commands = globSync('commands/*.ts', { cwd: SRC }).filter((file) => !isLab(file));
  for (const file of [...agent, ...commands]) {
    const text = readFileSync(join(SRC, file), 'utf8');
    assert.doesNotMatch(text, /child_process|writeFile|appendFile|createWriteStream/, file);
  }
});
