/** A kubeconfig with `proxy-url`: the client's agent for proxies carries the requests that are made without its HTTP client. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { createHarness } from './harness.ts';

test('names come through a proxy, which sees only where to connect to', async (t) => {
  const harness = await createHarness(t);
  const asked: (string | undefined)[] = [];
  const proxy = createServer();
  proxy.on('connect', ({ url }, socket) => {
    asked.push(url);
    const { hostname, port } = new URL(`http://${url}`);
    const through = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      through.pipe(socket).pipe(through);
    });
    for (const end of [socket, through]) end.on('error', () => [socket, through].map((s) => s.destroy()));
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  t.after(() => proxy.close());
  const server = new URL(harness.server.url);
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const config = JSON.parse(readFileSync(harness.kubeconfig, 'utf8'));
  config.clusters[0].cluster['proxy-url'] = url;
  writeFileSync(harness.kubeconfig, JSON.stringify(config));

  const watch = await harness.watchSynced();

  assert.ok([...watch.services()].length > 0);
  assert.ok(asked.length >= 3, `${asked.length} tunnels`);
  assert.deepEqual([...new Set(asked)], [server.host]);
});
