/** What is known of a cluster as it changes; objects and changes are those of a real API server (Kubernetes 1.32). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Topology } from '../../src/model/topology.ts';
import type { ApiObject, KindName } from '../support/api-objects.ts';
import type { ApiServer } from '../support/api-server.ts';
import { endpoint, pod, service, slice } from '../unit/enrich/kubernetes-objects.ts';
import { ExpectedNames, namesIn } from './expected-names.ts';
import { createHarness, KINDS, recordedEvents, recordedList, until } from './harness.ts';

/** The short objects of the unit tests, as the server takes them. */
const object = (fields: object) => fields as ApiObject;

test('a list is known at once, and each change that follows when it comes', async (t) => {
  const { server, watchSynced, synced, problems, skipMs } = await createHarness(t);
  const expected = new ExpectedNames();
  for (const kind of KINDS) {
    for (const object of recordedList(kind).items) expected.apply(kind, { type: 'ADDED', object });
  }
  const { topology, services, errors } = await watchSynced();
  assert.deepEqual(synced.toSorted(), ['endpointslices', 'pods', 'services']);
  assert.deepEqual(namesIn(topology, expected.addresses), expected.all);
  assert.equal(Object.keys(expected.all).length, 3 + 4 + 5, 'Services, endpoints, pods');
  assert.equal(topology.podAt('10.244.0.4')?.workload, 'Deployment/redis');

  const events = KINDS.flatMap((kind) => recordedEvents(kind).map((event) => ({ kind, event })));
  const versionOf = ({ event }: (typeof events)[number]) => Number(event.object.metadata.resourceVersion);
  let [changes, marks] = [0, 0];
  const change = async ({ kind, event }: (typeof events)[number]) => {
    const { name, resourceVersion } = event.object.metadata;
    const what = `${event.type} ${kind} ${name} (${resourceVersion})`;
    assert.deepEqual(namesIn(topology, expected.addresses), expected.current(), `before ${what}`);
    const before = expected.current();
    expected.apply(kind, event);
    if (!isDeepStrictEqual(expected.current(), before)) changes++;
    server.replay(kind, event);
    const isSeen = putMark(server, kind, ++marks);
    await until(() => isSeen(topology), what);
    assert.deepEqual(namesIn(topology, expected.addresses), expected.all, what);
    skipMs(600_001);
    expected.forget();
  };
  for (const next of events.toSorted((a, b) => versionOf(a) - versionOf(b))) await change(next);
  assert.equal(changes, 8);
  const left = [...services()].map((service) => service.name).toSorted();
  assert.deepEqual(left, ['kubernetes', 'mark', 'redis', 'redis-headless', 'redis-np']);
  for (const { kind, object } of expected.objects())
    await change({ kind, event: { type: 'DELETED', object } });
  assert.deepEqual(namesIn(topology, expected.addresses), {});
  assert.deepEqual(problems, []);
  assert.deepEqual(errors(), { services: 0, endpointslices: 0, pods: 0 });
});

/** An object after which all of its kind that came before have been seen; returns whether it has. */
function putMark(server: ApiServer, kind: KindName, n: number): (topology: Topology) => boolean {
  const ip = `192.0.2.${n}`;
  if (kind === 'services') {
    server.put(kind, object(service('mark', { clusterIP: ip, ports: [{ port: 1 }] })));
    return (topology) => topology.serviceAt(ip, 1) !== undefined;
  }
  if (kind === 'endpointslices') {
    server.put(kind, object(slice('mark', 1, [endpoint(ip, 'mark')])));
    return (topology) => topology.endpointAt(ip, 1) !== undefined;
  }
  server.put(kind, object(pod('mark', ip)));
  return (topology) => topology.podAt(ip) !== undefined;
}

test('objects cut anywhere on the wire are read all the same, characters too', async (t) => {
  const { server, watchSynced } = await createHarness(t);
  const watch = await watchSynced();
  server.chunkBytes = 7;
  server.put('services', object(service('café-☕-𝔎', { clusterIP: '10.108.0.77', ports: [{ port: 80 }] })));
  await until(() => watch.topology.serviceAt('10.108.0.77', 80) !== undefined, 'the Service');
  assert.equal(watch.topology.serviceAt('10.108.0.77', 80)?.name, 'café-☕-𝔎');
  assert.equal(watch.errors().services, 0);
});

test('a list is asked for from the cache; pages of 500 that come instead are one list', async (t) => {
  const { server, watchSynced } = await createHarness(t, { recorded: false });
  for (let i = 0; i < 1200; i++) {
    const ip = `10.100.${i >> 8}.${i & 255}`;
    server.put('services', object(service(`s${i}`, { clusterIP: ip, ports: [{ port: 80 }] })));
  }
  const watch = await watchSynced();
  assert.equal([...watch.services()].length, 1200);
  const lists = server.requests.filter(({ kind, verb }) => kind === 'services' && verb === 'list');
  assert.deepEqual(
    lists.map(({ query }) => [query.get('limit'), query.get('resourceVersion'), query.has('continue')]),
    [
      ['500', '0', false],
      ['500', null, true],
      ['500', null, true],
    ],
  );
});
