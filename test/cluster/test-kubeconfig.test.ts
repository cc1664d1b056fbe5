/** The tests that run against $TEST_KUBECONFIG leave nothing behind, and do not disturb one another. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { ApiServer } from '../support/api-server.ts';
import { clusterAt, kubeconfigOf } from '../support/kubeconfig.ts';
import { TestCluster } from '../support/test-cluster.ts';
import { newService } from './live-objects.ts';

/** What a new cluster has: nothing here may be touched. */
const THERE = 'services default/kubernetes';

async function startServer(t: TestContext) {
  const server = new ApiServer();
  await server.start();
  const folder = mkdtempSync(join(tmpdir(), 'cw-cluster-'));
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = clusterAt(server.url, server.certificates.ca);
  writeFileSync(kubeconfig, kubeconfigOf(cluster, { token: 'secret' }));
  const spec = { clusterIP: '10.96.0.1', ports: [{ port: 443 }] };
  server.put('services', { metadata: { namespace: 'default', name: 'kubernetes' }, spec });
  return { server, kubeconfig };
}

test('two runs at once pass, and remove what they made', async (t) => {
  const { server, kubeconfig } = await startServer(t);
  const files = ['events', 'names', 'pods', 'rights', 'server'].map((name) =>
    join(import.meta.dirname, `live-${name}.test.ts`),
  );
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const run = () =>
    promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', ...files], {
      env: { ...env, TEST_KUBECONFIG: kubeconfig },
    });
  const runs = await Promise.all([run(), run()]);
  for (const { stdout } of runs) {
    assert.match(stdout, /^# fail 0$/m);
    assert.match(stdout, /^# skipped 0$/m);
  }
  assert.ok(server.requests.length > 100, 'it was this server');
  assert.deepEqual(server.names(), [THERE]);
});

test('what cannot be removed is an error when the rest is gone', async (t) => {
  const { server, kubeconfig } = await startServer(t);
  const before = process.env['TEST_KUBECONFIG'];
  process.env['TEST_KUBECONFIG'] = kubeconfig;
  t.after(() => {
    if (before === undefined) delete process.env['TEST_KUBECONFIG'];
    else process.env['TEST_KUBECONFIG'] = before;
  });
  const cluster = await TestCluster.open();
  const { namespace } = cluster;
  await cluster.create('clusterroles', { metadata: { name: namespace }, rules: [] });
  for (const name of ['goes', 'gone-already']) await cluster.create('configmaps', { metadata: { name } });
  await cluster.create('services', newService('stays'));
  await cluster.remove('configmaps', 'gone-already');
  server.denied.add('delete services');
  await assert.rejects(cluster.close(), (error: AggregateError) => {
    assert.match(error.message, new RegExp(`^could not remove all of ${namespace}$`));
    assert.deepEqual(error.errors.length, 1);
    assert.match(`${error.errors[0]}`, /DELETE .*services\/stays: 403/);
    return true;
  });
  assert.deepEqual(server.names(), [THERE, `services ${namespace}/stays`]);
});
