/** What audit asks the agent, and what it believes of the answer. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { askAgent } from '../../../src/commands/audit/ask-agent.ts';
import { whetherProtected } from '../../../src/commands/audit/whether-protected.ts';
import type { ListenAddress } from '../../../src/lib/listen-address.ts';

const never = new AbortController().signal;
const FILE = { kind: 'file', path: 'x' } as const;
const DAY_MS = 86_400_000;

/** Somebody who has the agent's port. */
async function serve(t: TestContext, listener: RequestListener): Promise<ListenAddress> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const answering = (t: TestContext, body: string, status = 200) =>
  serve(t, (request, response) => {
    assert.deepEqual([request.method, request.url], ['GET', '/api/v1/health']);
    response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body);
  });

test('the two values are read, and nothing else of the answer', async (t) => {
  const rows: [string, object][] = [
    ['{"node":"x","protect":"off","protect_max_idle_seconds":5}', { protect: 'off' }],
    [
      '{"protect":"renew","protect_max_idle_seconds":604800,"x":[]}',
      { protect: 'renew', maxIdleMs: 7 * DAY_MS },
    ],
    ['{"protect":"renew","protect_max_idle_seconds":0.5}', { protect: 'renew', maxIdleMs: 500 }],
  ];
  for (const [body, answer] of rows)
    assert.deepEqual(await askAgent(await answering(t, body), never), answer);
});

test('what makes no sense is no answer, and nothing of it is repeated', async (t) => {
  const bodies = [
    '',
    'null',
    '7',
    '"renew"',
    '[]',
    '{}',
    '\u001b[31m{"protect":"renew"}',
    '{"protect":"renew"}',
    '{"protect":"on","protect_max_idle_seconds":5}',
    '{"protect":"\u009b31m","protect_max_idle_seconds":5}',
    ...['"5"', 'null', '0', '-1', '1e999', '31536001', '[5]'].map(
      (value) => `{"protect":"renew","protect_max_idle_seconds":${value}}`,
    ),
  ];
  for (const body of bodies) {
    const answer = await askAgent(await answering(t, body), never);
    assert.ok('problem' in answer, body);
    assert.match(
      answer.problem,
      /^http:\/\/127\.0\.0\.1:\d+\/api\/v1\/health: (its answer is no JSON|it does not say whether it protects)$/,
    );
  }
});

test('other statuses, redirects too, are no answer', async (t) => {
  for (const status of [301, 403, 404, 500]) {
    const answer = await askAgent(await answering(t, '{"protect":"off"}', status), never);
    assert.ok('problem' in answer && answer.problem.endsWith(`it answered with status ${status}`));
  }
});

test('nobody there, silence, an answer without end and a stop: it does not wait', async (t) => {
  const gone = await answering(t, '');
  const refused = await askAgent({ ...gone, port: 1 }, never);
  assert.ok('problem' in refused && /ECONNREFUSED/.test(refused.problem));

  const silent = await serve(t, () => {});
  const late = await askAgent(silent, never, 50);
  assert.ok('problem' in late && late.problem.endsWith('no answer within 0.05 s'), JSON.stringify(late));

  const endless = await serve(t, (_request, response) => {
    response.write(' '.repeat(200_000));
  });
  const long = await askAgent(endless, never, 10_000);
  assert.ok(
    'problem' in long && long.problem.endsWith('its answer is longer than 64 KiB'),
    JSON.stringify(long),
  );

  assert.ok('problem' in (await askAgent(silent, AbortSignal.abort('SIGTERM'), 10_000)));
});

test('the options decide; the agent is asked only if they leave it open', async (t) => {
  let asked = 0;
  const agentStatus = await serve(t, (_request, response) => {
    asked++;
    response.end('{"protect":"renew","protect_max_idle_seconds":60}');
  });
  const options = { agentStatus, protectMaxIdleMs: DAY_MS, topology: FILE, auditProtect: undefined };
  const of = (changed: Partial<Parameters<typeof whetherProtected>[0]>) =>
    whetherProtected({ ...options, ...changed }, never);
  assert.deepEqual(await of({ auditProtect: 'off' }), { maxIdleMs: undefined, notes: [] });
  assert.deepEqual(await of({ auditProtect: 'renew' }), { maxIdleMs: DAY_MS, notes: [] });
  assert.equal(asked, 0);
  assert.deepEqual(await of({}), { maxIdleMs: 60_000, notes: [] });
  assert.deepEqual(await of({ auditProtect: 'auto' }), { maxIdleMs: 60_000, notes: [] });
  assert.equal(asked, 2);
});

test('that the agent did not answer is said to who asked for it', async () => {
  const options = { agentStatus: undefined, protectMaxIdleMs: DAY_MS, topology: FILE } as const;
  const nothing = { maxIdleMs: undefined, notes: [] };
  assert.deepEqual(await whetherProtected({ ...options, auditProtect: undefined }, never), nothing);
  const { maxIdleMs, notes } = await whetherProtected({ ...options, auditProtect: 'auto' }, never);
  assert.equal(maxIdleMs, undefined);
  assert.deepEqual(notes, [
    'whether an agent renews entries is not known, so none is taken to: --status-listen is off',
  ]);
});

test('without names it is said that nobody can tell which connections are protected', async () => {
  const options = { agentStatus: undefined, protectMaxIdleMs: DAY_MS, topology: { kind: 'none' } } as const;
  const { maxIdleMs, notes } = await whetherProtected({ ...options, auditProtect: 'renew' }, never);
  assert.equal(maxIdleMs, DAY_MS);
  assert.match(notes.join(), /without names none is known, so these may be protected: give --topology/);
  assert.deepEqual((await whetherProtected({ ...options, auditProtect: 'off' }, never)).notes, []);
});
