import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startHttp } from '../../../src/report/http.ts';
import { newMetrics, pickup } from './samples.ts';

async function start(overrides: Partial<Parameters<typeof startHttp>[0]> = {}) {
  const server = await startHttp({
    listen: { host: '127.0.0.1', port: 0 },
    version: '1.0.0-<rc>',
    metrics: newMetrics(),
    readiness: { reasons: () => [] },
    onError: (error) => assert.fail(String(error)),
    ...overrides,
  });
  return { ...server, [Symbol.asyncDispose]: () => server.close() };
}

/** Status, content type and body of one request on a connection of its own. */
async function ask(url: string, init: RequestInit = {}) {
  const response = await fetch(url, { ...init, headers: { connection: 'close', ...init.headers } });
  const type = response.headers.get('content-type');
  return { status: response.status, type, body: await response.text(), headers: response.headers };
}

const TEXT = 'text/plain; charset=utf-8';

test('/metrics speaks Prometheus text and, if asked, OpenMetrics', async () => {
  const metrics = newMetrics();
  metrics.count(pickup());
  await using server = await start({ metrics });
  const text = await ask(`${server.url}/metrics`);
  assert.equal(text.status, 200);
  assert.equal(text.type, 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(text.headers.get('vary'), 'Accept');
  assert.equal(text.body, (await metrics.expose(undefined)).body);
  const accept = 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3';
  const open = await ask(`${server.url}/metrics`, { headers: { accept } });
  assert.equal(open.type, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.equal(open.body, (await metrics.expose(accept)).body);
});

test('/healthz is ok while /readyz gives the reasons, one a line', async () => {
  const reasons = ['subscribed: not yet', 'events_enabled: nf_conntrack_events is 0'];
  await using server = await start({ readiness: { reasons: () => reasons } });
  const health = await ask(`${server.url}/healthz`);
  assert.deepEqual([health.status, health.type, health.body], [200, TEXT, 'ok\n']);
  const ready = await ask(`${server.url}/readyz`);
  assert.deepEqual(
    [ready.status, ready.type, ready.body],
    [503, TEXT, 'subscribed: not yet\nevents_enabled: nf_conntrack_events is 0\n'],
  );
  reasons.length = 0;
  const later = await ask(`${server.url}/readyz`);
  assert.deepEqual([later.status, later.body], [200, 'ok\n']);
});

test('the landing page links to everything and escapes the version', async () => {
  await using server = await start();
  const { status, type, body } = await ask(server.url);
  assert.deepEqual([status, type], [200, 'text/html; charset=utf-8']);
  assert.ok(body.includes('<h1>conntrack-watchdog 1.0.0-&#60;rc&#62;</h1>'));
  for (const [, path] of body.matchAll(/href="([^"]+)"/g)) {
    assert.equal((await ask(server.url + path)).status, 200, `${path}`);
  }
  assert.doesNotMatch(body, /<script/);
});

test('HEAD works everywhere, other methods nowhere, and nothing says what serves', async () => {
  await using server = await start();
  for (const path of ['/', '/metrics', '/healthz', '/readyz']) {
    const head = await ask(server.url + path, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, ''], path);
    assert.notEqual(head.headers.get('content-length'), '0');
    assert.equal(head.headers.get('x-powered-by'), null);
    assert.equal(head.headers.get('server'), null);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const body = method === 'POST' ? '{nonsense' : null;
      const refused = await ask(server.url + path, { method, body });
      assert.deepEqual(
        [refused.status, refused.type, refused.body, refused.headers.get('allow')],
        [405, TEXT, 'only GET and HEAD are served here\n', 'GET, HEAD'],
      );
    }
  }
});

test('unknown and undecodable paths are refused in plain text', async () => {
  await using server = await start();
  const missing = await ask(`${server.url}/api`);
  assert.deepEqual(
    [missing.status, missing.type, missing.body],
    [404, TEXT, 'not found; / lists what is here\n'],
  );
  const bad = await ask(`${server.url}/%zz`);
  assert.deepEqual([bad.status, bad.type], [400, TEXT]);
});

test('an error of ours is a 500 without details, and is reported', async () => {
  const errors: unknown[] = [];
  const failure = new Error('secret path');
  const metrics = { expose: () => Promise.reject(failure) };
  await using server = await start({ metrics, onError: (error) => errors.push(error) });
  const { status, type, body } = await ask(`${server.url}/metrics`);
  assert.deepEqual([status, type, body], [500, TEXT, 'an error on our side; the log says more\n']);
  assert.deepEqual(errors, [failure]);
});

test('close ends connections at once: kept alive, half asked, and waiting for an answer', async () => {
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  const expose = () => {
    onAsked();
    return new Promise<never>(() => {});
  };
  const server = await start({ metrics: { expose } });
  // A connection that ends before its answer is reset: an error event is expected.
  const sockets = [0, 1, 2].map(() => connect(server.port, '127.0.0.1').on('error', () => {}));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  sockets[0]!.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(sockets[0]!, 'data');
  sockets[1]!.write('GET /metr');
  sockets[2]!.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked;
  const closed = Promise.all(
    sockets.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve))),
  );
  const before = performance.now();
  await server.close();
  await closed;
  assert.ok(performance.now() - before < 1000);
});

test('an address that cannot be listened on is one clear sentence', async () => {
  await using server = await start();
  const listen = { host: '127.0.0.1', port: server.port };
  await assert.rejects(start({ listen }), {
    message: `--listen 127.0.0.1:${server.port}: the address is in use`,
  });
  // 192.0.2.0/24 is TEST-NET-1: no machine has it.
  await assert.rejects(start({ listen: { host: '192.0.2.1', port: 0 } }), {
    message: '--listen 192.0.2.1:0: this machine has no such address',
  });
});

test('an empty host listens on every address', async () => {
  await using server = await start({ listen: { host: '', port: 0 } });
  assert.equal(server.url, `http://localhost:${server.port}`);
  assert.equal((await ask(`http://127.0.0.1:${server.port}/healthz`)).status, 200);
});
