/** What is known of a cluster as it changes; objects and changes are those of a real API server (Kubernetes 1.32). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiObject } from '../support/api-objects.ts';
import { endpoint, pod, service, slice } from '../unit/enrich/kubernetes-objects.ts';
import { createHarness, KINDS, recordedEvents, until } from './harness.ts';

/** The short objects of the unit tests, as the server takes them. */
const object = (fields: object) => fields as ApiObject;

test('a list is known at once, the changes that follow as they come', async (t) => {
  const { server, watchSynced, synced, problems } = await createHarness(t);
  const { topology, services, errors } = await watchSynced();
  assert.deepEqual(synced.toSorted(), ['endpointslices', 'pods', 'services']);
  assert.deepEqual(topology.serviceAt('10.108.33.37', 6379), {
    namespace: 'shop',
    name: 'redis',
    port: 6379,
  });
  assert.equal(topology.endpointAt('10.244.0.4', 8080)?.pod, 'redis-6b976b7d8b-hzxtm');
  assert.equal(topology.podAt('10.244.0.4')?.workload, 'Deployment/redis');
  assert.ok([...services()].some(({ name }) => name === 'kubernetes'));

  for (const kind of KINDS) {
    for (const event of recordedEvents(kind)) if (event.type !== 'DELETED') server.replay(kind, event);
  }
  await until(() => topology.serviceAt('10.108.54.23', 80) !== undefined, 'the new Service');
  for (const kind of KINDS) {
    for (const event of recordedEvents(kind)) if (event.type === 'DELETED') server.replay(kind, event);
  }
  await until(() => topology.serviceAt('10.108.54.23', 80) === undefined, 'the Service gone');
  assert.deepEqual(problems, []);
  assert.deepEqual(errors(), { services: 0, endpointslices: 0, pods: 0 });
});

test('objects cut anywhere on the wire are read all the same, characters too', async (t) => {
  const { server, watchSynced } = await createHarness(t);
  const watch = await watchSynced();
  server.chunkBytes = 7;
  server.put('services', object(service('café-☕-𝔎', { clusterIP: '10.108.0.77', ports: [{ port: 80 }] })));
  await until(() => watch.topology.serviceAt('10.108.0.77', 80) !== undefined, 'the Service');
  assert.equal(watch.topology.serviceAt('10.108.0.77', 80)?.name, 'café-☕-𝔎');
  assert.equal(watch.errors().services, 0);
});

test('the server is asked for what kube-proxy wants, and for the pods of this node', async (t) => {
  const { server, watchSynced } = await createHarness(t);
  const labels = { 'service.kubernetes.io/headless': '' };
  const foreign = { 'service.kubernetes.io/service-proxy-name': 'other' };
  const headless = slice('h', 80, [endpoint('10.244.9.1', 'h-0')]);
  server.put('endpointslices', object({ ...headless, metadata: { namespace: 'shop', name: 'h', labels } }));
  const other = service('other', { clusterIP: '10.108.0.66', ports: [{ port: 80 }] });
  server.put(
    'services',
    object({ ...other, metadata: { namespace: 'shop', name: 'other', labels: foreign } }),
  );
  server.put('pods', object(pod('elsewhere', '10.244.8.1', { spec: { nodeName: 'node-b' } })));
  const { topology } = await watchSynced();
  server.put('pods', object(pod('late', '10.244.8.2', { spec: { nodeName: 'node-b' } })));
  server.put('pods', object(pod('here', '10.244.0.200')));
  await until(() => topology.podAt('10.244.0.200') !== undefined, 'the pod of this node');
  assert.equal(topology.podAt('10.244.8.1'), undefined);
  assert.equal(topology.podAt('10.244.8.2'), undefined);
  assert.equal(topology.endpointAt('10.244.9.1', 80), undefined);
  assert.equal(topology.serviceAt('10.108.0.66', 80), undefined);
});

test('an object that is selected no longer is gone', async (t) => {
  const { server, watchSynced } = await createHarness(t, { recorded: false });
  const web = service('web', { clusterIP: '10.108.0.9', ports: [{ port: 80 }] });
  server.put('services', object(web));
  const { topology } = await watchSynced();
  assert.ok(topology.serviceAt('10.108.0.9', 80));
  const labels = { 'service.kubernetes.io/service-proxy-name': 'cilium' };
  server.put('services', object({ ...web, metadata: { namespace: 'shop', name: 'web', labels } }));
  await until(() => topology.serviceAt('10.108.0.9', 80) === undefined, 'gone');
});

test('a long list comes in pages of 500, and is one list', async (t) => {
  const { server, watchSynced } = await createHarness(t, { recorded: false });
  for (let i = 0; i < 1200; i++) {
    const ip = `10.100.${i >> 8}.${i & 255}`;
    server.put('services', object(service(`s${i}`, { clusterIP: ip, ports: [{ port: 80 }] })));
  }
  const watch = await watchSynced();
  assert.equal([...watch.services()].length, 1200);
  const lists = server.requests.filter(({ kind, verb }) => kind === 'services' && verb === 'list');
  assert.deepEqual(
    lists.map(({ query }) => [query.get('limit'), query.has('continue')]),
    [
      ['500', false],
      ['500', true],
      ['500', true],
    ],
  );
});

test('a backend that left keeps its name for ten minutes, the address in new hands has the new one at once', async (t) => {
  const { server, watchSynced, skipMs } = await createHarness(t, { recorded: false });
  const two = [endpoint('10.244.1.1', 'web-1'), endpoint('10.244.1.2', 'web-2')];
  server.put('endpointslices', object(slice('web-x', 8080, two)));
  server.put('pods', object(pod('shell', '10.244.0.9')));
  const { topology } = await watchSynced();

  server.remove('endpointslices', 'shop', 'web-x');
  server.remove('pods', 'shop', 'shell');
  server.put('pods', object(pod('marker', '10.244.0.10')));
  await until(() => topology.podAt('10.244.0.10') !== undefined, 'the pod deleted');
  await until(() => topology.endpointAt('10.244.1.1', 8080)?.ready === false, 'the endpoints gone');
  assert.deepEqual(topology.endpointAt('10.244.1.2', 8080), {
    namespace: 'shop',
    pod: 'web-2',
    node: 'node-a',
    ready: false,
  });
  assert.equal(topology.podAt('10.244.0.9')?.name, 'shell');

  server.put('endpointslices', object(slice('web-y', 8080, [endpoint('10.244.1.1', 'web-9')])));
  server.put('pods', object(pod('other', '10.244.0.9')));
  await until(() => topology.endpointAt('10.244.1.1', 8080)?.pod === 'web-9', 'the new backend');
  await until(() => topology.podAt('10.244.0.9')?.name === 'other', 'the new pod');
  assert.equal(topology.endpointAt('10.244.1.2', 8080)?.pod, 'web-2');
  skipMs(600_001);
  assert.equal(topology.endpointAt('10.244.1.2', 8080), undefined);
  assert.equal(topology.podAt('10.244.0.9')?.name, 'other');
});
