/**
 * The promise "it only reads": what can leave the process is made in one file, and that makes questions only; but for
 * renewals, which are made and sent by another, which is not loaded unless they are wanted.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as requests from '../../src/kernel/requests.ts';

const SRC = join(import.meta.dirname, '../../src');
const IPCTNL_MSG_CT_GET = 0x101;
const IPCTNL_MSG_CT_GET_STATS_CPU = 0x104;
const NFT_MSG_GETCHAIN = 0xa04;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;

function written(): Uint8Array {
  const bytes = new Uint8Array(requests.ENTRY_REQUEST_BYTES);
  const key = { v6: true, words: new Uint32Array(8), sport: 1, dport: 2, zone: 3 };
  assert.equal(requests.putEntryRequest(bytes, 0, 1, key), bytes.length);
  return bytes;
}

test('every request is a GET of an entry, of the table, of the statistics, or of the chains', () => {
  const tuple = { src: '10.0.0.1', sport: 1, dst: '10.0.0.2', dport: 2 };
  const made = {
    getEntryRequest: requests.getEntryRequest(1, 0, tuple),
    putEntryRequest: written(),
    dumpEntriesRequest: requests.dumpEntriesRequest(1, true),
    dumpStatsRequest: requests.dumpStatsRequest(1),
    dumpChainsRequest: requests.dumpChainsRequest(1),
  };
  const makers = Object.keys(requests).filter((name) => name !== 'ENTRY_REQUEST_BYTES');
  assert.deepEqual(makers.toSorted(), Object.keys(made).toSorted());
  const typesAndFlags = Object.values(made).map((request) => [
    Buffer.from(request).readUInt16LE(4),
    Buffer.from(request).readUInt16LE(6),
  ]);
  assert.deepEqual(typesAndFlags, [
    [IPCTNL_MSG_CT_GET, NLM_F_REQUEST],
    [IPCTNL_MSG_CT_GET, NLM_F_REQUEST],
    [IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP],
    [IPCTNL_MSG_CT_GET_STATS_CPU, NLM_F_REQUEST | NLM_F_DUMP],
    [NFT_MSG_GETCHAIN, NLM_F_REQUEST | NLM_F_DUMP],
  ]);
});

test('netlink messages are sent from three places, and only what requests.ts made is passed to them', () => {
  const senders = globSync('**/*.ts', { cwd: SRC }).filter((file) =>
    /\braw\.send\(|\bsend\(fd|'long send/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  assert.deepEqual(senders.toSorted(), [
    'kernel/dump-socket.ts',
    'kernel/renewal-socket.ts',
    'kernel/request-socket.ts',
  ]);
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
  assert.deepEqual(dumps.toSorted(), [
    'dumpChainsRequest(1)',
    'dumpStatsRequest(1)',
    'getEntryRequest(1, 0, NO_CONNECTION)',
    'options.request(sequence)',
  ]);
});

test('what can write is loaded by one import, when it is wanted', () => {
  const sources = globSync('**/*.ts', { cwd: SRC }).map((file) => ({
    file,
    text: readFileSync(join(SRC, file), 'utf8'),
  }));
  const naming = (what: RegExp) => sources.filter(({ text }) => what.test(text)).map(({ file }) => file);
  // A message with it makes or changes an entry; decode/ only knows it as what the kernel sends.
  assert.deepEqual(
    naming(/\bIPCTNL_MSG_CT_(NEW|DELETE)\b/).filter((file) => !/^(lib|decode)\//.test(file)),
    ['kernel/filter.ts', 'kernel/renewal-socket.ts'],
  );
  const loading = /^(?:import (?!type)|export .* from ).*renewal-socket\.ts'|import\(.*renewal-socket\.ts/m;
  assert.deepEqual(naming(loading).toSorted(), [
    'commands/protect/protect-flows.ts',
    'commands/protect/renew-batch.ts',
  ]);
  const loadingThose =
    /^import (?!type)[^;]*'(\.\.?\/)+(?:protect\/)?(protect-flows|renew-batch)\.ts'|import\([^)]*(protect-flows|renew-batch)\.ts/m;
  assert.deepEqual(naming(loadingThose).toSorted(), [
    'commands/agent/protect.ts',
    'commands/protect/protect-flows.ts',
  ]);
  const [agent] = sources.filter(({ file }) => file === 'commands/agent/protect.ts');
  assert.match(
    agent!.text,
    /if \(mode === 'off'\) return undefined;\n\s*const \{ protectFlows \} = await import\(/,
  );
});

test('what readTable is given to send is a dump of entries', () => {
  const given = globSync('commands/**/*.ts', { cwd: SRC }).flatMap((file) =>
    [...readFileSync(join(SRC, file), 'utf8').matchAll(/\brequest: \(sequence\) => (\w+)\(/g)].map(
      ([, what]) => what,
    ),
  );
  assert.deepEqual([...new Set(given)], ['dumpEntriesRequest']);
});

test('doctor joins no group: with events=2 the kernel would make events for entries of that moment', () => {
  const joins = globSync('**/*.ts', { cwd: SRC }).filter((file) =>
    /addMembership\(/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  assert.deepEqual(joins, ['kernel/event-socket.ts']);
  for (const file of [...globSync('commands/doctor{,/*}.ts', { cwd: SRC }), 'kernel/socket-trial.ts']) {
    assert.doesNotMatch(readFileSync(join(SRC, file), 'utf8'), /event-socket\.ts|watch-flows\.ts/, file);
  }
});

test('socket options are set in one file, and only of sockets; those of iptables are got, not set', () => {
  const withCall = (call: RegExp) =>
    globSync('**/*.ts', { cwd: SRC }).filter((file) => call.test(readFileSync(join(SRC, file), 'utf8')));
  assert.deepEqual(withCall(/'setsockopt'|int setsockopt\(/), ['kernel/socket-options.ts']);
  const text = readFileSync(join(SRC, 'kernel/socket-options.ts'), 'utf8');
  assert.doesNotMatch(text, /SOL_IP\b|IPT_SO_/);
  assert.deepEqual(withCall(/int getsockopt\(/).toSorted(), [
    'kernel/legacy-tables.ts',
    'kernel/socket-options.ts',
  ]);
});

test('what is sent to the API server beside GET: Kubernetes Events, and the question what is allowed', () => {
  const makers = globSync('**/*.ts', { cwd: SRC }).filter((file) =>
    /['"`](POST|PATCH|PUT|DELETE)['"`],/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  assert.deepEqual(makers.toSorted(), ['enrich/access-review.ts', 'report/kubernetes-event-object.ts']);
  const review = readFileSync(join(SRC, 'enrich/access-review.ts'), 'utf8');
  const posted = [...review.matchAll(/method: '(?:POST|PATCH|PUT|DELETE)', path: (\w+)/g)];
  assert.deepEqual(
    posted.map(([, path]) => path),
    ['REVIEWS'],
  );
  assert.equal(review.match(/(POST|PATCH|PUT|DELETE)'/g)?.length, 1);
  assert.match(review, /REVIEWS = '\/apis\/authorization\.k8s\.io\/v1\/selfsubjectaccessreviews';/);
});

test('no sysctl is written and no program is started by what the agent runs', () => {
  const agent = globSync('{kernel,decode,detect,audit,doctor,enrich,report,config,lib}/**/*.ts', {
    cwd: SRC,
  });
  assert.ok(agent.length > 40);
  // These two build a cluster of their own, in namespaces of their own.
  const isLab = (file: string) => /^commands\/(demo|lab)(\/|\.ts$)/.test(file);
  const commands = globSync('commands/**/*.ts', { cwd: SRC }).filter((file) => !isLab(file));
  for (const file of [...agent, ...commands]) {
    const text = readFileSync(join(SRC, file), 'utf8');
    assert.doesNotMatch(text, /child_process|writeFile|appendFile|createWriteStream/, file);
  }
});
