/** A break on the real kernel becomes an Event on the pod whose connection it was. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { demoTopology } from '../../src/commands/demo/topology.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { spawnIn } from '../../src/lab/namespace.ts';
import type { ApiObject } from '../support/api-objects.ts';
import type { ApiServerOptions } from '../support/api-server-process.ts';
import { makeCertificates } from '../support/certificates.ts';
import { createCluster, sendOnAll, skip } from '../support/cluster.ts';
import type { StoredEvent } from '../support/event-store.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';

const PORT = 16_443;
const SERVER = join(import.meta.dirname, '../support/api-server-process.ts');

/** The lab's objects on node-1; the uid of each pod is its name in capital letters. */
function objectsOf(lab: Lab): ApiServerOptions['objects'] {
  const topology = JSON.stringify(demoTopology(lab)).replaceAll('demo-node', 'node-1');
  const { items } = JSON.parse(topology) as { items: ApiObject[] };
  const of = (kind: string) =>
    items
      .filter((item) => item.kind === kind)
      .map((item) => ({ ...item, metadata: { ...item.metadata, uid: item.metadata.name.toUpperCase() } }));
  const objects = { services: of('Service'), endpointslices: of('EndpointSlice'), pods: of('Pod') };
  return objects as unknown as ApiServerOptions['objects'];
}

/** Starts an API server in the node's namespace. Returns a kubeconfig for it, and the Events as they are stored. */
async function startServer(t: TestContext, lab: Lab) {
  const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const certificates = makeCertificates();
  const options: ApiServerOptions = { certificates, port: PORT, version: 1, objects: objectsOf(lab) };
  const child = spawnIn(lab.node, process.execPath, [SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! });
  child.stdin!.end(JSON.stringify(options));
  assert.deepEqual(await once(lines, 'line'), ['listening']);
  const stored: StoredEvent[] = [];
  lines.on('line', (line) => stored.push(JSON.parse(line)));
  const [tokenFile, kubeconfig] = [join(folder, 'token'), join(folder, 'kubeconfig')];
  const server = `https://127.0.0.1:${PORT}`;
  writeFileSync(tokenFile, 'secret\n');
  writeFileSync(kubeconfig, kubeconfigText({ server, ca: certificates.ca, tokenFile }));
  return {
    kubeconfig,
    stored,
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

test('a break is an Event on the client pod, with the sentence of the log; another one is counted in it', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t, { backends: 2 });
  const { lab, client } = cluster;
  const server = await startServer(t, lab);
  const breakOne = async () => {
    await lab.setBackends([lab.servers[0]!]);
    await client.connect({ ...cluster.target, count: 1 });
    await lab.setBackends([lab.servers[1]!]);
    await lab.flush();
    assert.equal((await sendOnAll(client)).reset, 1);
    await client.closeAll();
  };
  const agent = await cluster.startAgent(['--kubeconfig', server.kubeconfig, '--emit-events']);
  await agent.until((s) => s.sum('topology_synced') === 3, 'synced', 30_000);
  const { body } = await agent.get('/metrics');
  const results = [...body.matchAll(/^conntrack_watchdog_kubernetes_events_total\{result="(.*)"\} 0$/gm)];
  assert.deepEqual(
    results.map(([, result]) => result),
    ['created', 'updated', 'failed', 'held_back'],
  );

  await breakOne();
  await agent.until((s) => s.sum('kubernetes_events_total', { result: 'created' }) === 1, 'created');
  const { msg } = await agent.waitFor(({ event }) => event === 'connection_broken');
  const [event] = server.stored;
  assert.deepEqual(event!.regarding, {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: 'shop',
    name: 'checkout-79d8f5c4b6-c',
    uid: 'CHECKOUT-79D8F5C4B6-C',
  });
  assert.equal(event!.note, msg);
  assert.equal(event!.reason, 'ConntrackConnectionBroken');
  assert.equal(event!['reportingInstance'], 'node-1');
  assert.ok(Math.abs(Date.parse(event!['eventTime'] as string) - Date.now()) < 60_000);

  await breakOne();
  await agent.until((s) => s.sum('broken_connections_total') === 2, 'counted');
  const begin = performance.now();
  assert.equal(await agent.stop(), 0);
  assert.ok(performance.now() - begin < 2000);
  assert.equal(server.stored.length, 2);
  assert.deepEqual(server.stored[1]!.metadata, event!.metadata);
  assert.equal(server.stored[1]!.series?.count, 2, 'told when the agent stops, if not before');
  assert.equal(agent.stderr(), '');
  await server.kill();
});

test('without the option nothing is posted, and there are no series', { skip }, async (t) => {
  const cluster = await createCluster(t, { backends: 2 });
  const { lab, client } = cluster;
  const server = await startServer(t, lab);
  const agent = await cluster.startAgent(['--kubeconfig', server.kubeconfig]);
  await agent.until((s) => s.sum('topology_synced') === 3, 'synced', 30_000);
  await client.connect({ ...cluster.target, count: 6 });
  await lab.flush();
  await sendOnAll(client);
  await agent.until((s) => s.sum('broken_connections_total') > 0, 'counted');
  assert.doesNotMatch((await agent.get('/metrics')).body, /^conntrack_watchdog_kubernetes_events_total/m);
  assert.equal(await agent.stop(), 0);
  assert.deepEqual(server.stored, []);
  await server.kill();
});
