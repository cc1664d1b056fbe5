/** The agent with an API server that is not there, comes, goes and comes back: it never stops to see breaks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCluster, sendOnAll, skip } from '../support/cluster.ts';
import { apiAccess, objectsOf, PORT, startServer } from '../support/lab-api-server.ts';

test('breaks are counted with and without an API server, and named as soon as it tells', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t, { backends: 2 });
  const { lab, client } = cluster;
  const { kubeconfig, certificates } = apiAccess(t);
  const breakOne = async () => {
    await lab.setBackends([lab.servers[0]!]);
    await client.connect({ ...cluster.target, count: 1 });
    await lab.setBackends([lab.servers[1]!]);
    await lab.flush();
    assert.equal((await sendOnAll(client)).reset, 1);
    await client.closeAll();
  };
  const isBroken = ({ event }: { event: string }) => event === 'connection_broken';
  const redis = { service_namespace: 'shop', service_name: 'redis' };

  const agent = await cluster.startAgent(['--kubeconfig', kubeconfig]);
  const problem = await agent.waitFor(({ event }) => event === 'topology_problem');
  assert.match(
    problem.msg,
    /^Cannot list \S+: connect ECONNREFUSED 127\.0\.0\.1:16443\. Connections are watched/,
  );
  await breakOne();
  await agent.until(
    (s) => s.sum('broken_connections_total', { service_name: lab.service.ip }) === 1,
    'counted',
  );
  const notReady = await agent.get('/readyz');
  assert.equal(notReady.status, 503);
  assert.match(notReady.body, /topology_synced: cannot list services: connect ECONNREFUSED/);

  let kill = await startServer(lab, {
    certificates,
    port: PORT,
    version: 1,
    objects: objectsOf(lab, 'checkout'),
  });
  await agent.until((s) => s.sum('topology_synced') === 3 && s.sum('ready') === 1, 'synced', 30_000);
  await breakOne();
  const checkout = { ...redis, client_workload: 'Deployment/checkout' };
  await agent.until((s) => s.sum('broken_connections_total', checkout) === 1, 'named');
  const named = await agent.waitFor((line) => isBroken(line) && line.msg.includes('shop/redis'));
  assert.match(
    named.msg,
    /^Connection from shop\/checkout-\S+ \(Deployment\/checkout\) to shop\/redis:6379 was reset/,
  );
  assert.deepEqual((named['old_backend'] as { pod: string }).pod, 'redis-6b976b7d8b-a');
  assert.deepEqual((named['new_backend'] as { pod: string }).pod, 'redis-6b976b7d8b-b');

  const errors = (await agent.samples()).sum('topology_errors_total', { resource: 'pods' });
  await kill();
  await agent.until(
    (s) => s.sum('topology_errors_total', { resource: 'pods' }) >= errors + 2,
    'the server is missed',
  );
  await breakOne();
  await agent.until(
    (s) => s.sum('broken_connections_total', checkout) === 2,
    'counted, with the names it has',
  );

  const before = agent.lines.length;
  kill = await startServer(lab, { certificates, port: PORT, version: 1000, objects: objectsOf(lab, 'cart') });
  await agent.waitFor(
    (line) =>
      line.event === 'topology_synced' && line['resource'] === 'pods' && agent.lines.indexOf(line) >= before,
    30_000,
  );
  await breakOne();
  const cart = { ...redis, client_workload: 'Deployment/cart' };
  await agent.until((s) => s.sum('broken_connections_total', cart) === 1, 'the new name');
  assert.equal(agent.stderr(), '');
  const begin = performance.now();
  assert.equal(await agent.stop(), 0);
  assert.ok(performance.now() - begin < 2000);
  await kill();
});
