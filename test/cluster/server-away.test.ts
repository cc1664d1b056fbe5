/** The API server is not there, goes, comes back, or breaks off: names stay, and are right again afterwards. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClusterWatch } from '../../src/enrich/watch.ts';
import type { ApiObject } from '../support/api-objects.ts';
import { endpoint, pod, service, slice } from '../unit/enrich/kubernetes-objects.ts';
import { allSynced, createHarness, FAST, until } from './harness.ts';

const object = (fields: object) => fields as ApiObject;
const web = object(service('web', { clusterIP: '10.108.0.9', ports: [{ port: 80 }] }));
const late = object(service('late', { clusterIP: '10.108.0.10', ports: [{ port: 80 }] }));

function isGone({ services }: Pick<ClusterWatch, 'services'>, name: string): boolean {
  return [...services()].every((service) => service.name !== name);
}

describe('a server that is away', () => {
  test('at the start: said once, nothing known, and all of it when the server comes', async (t) => {
    const { server, watch, problems, synced } = await createHarness(t, { started: false });
    const { topology, ...cluster } = watch();
    await until(() => Object.values(cluster.errors()).every((count) => count >= 4), 'four tries each');
    assert.deepEqual(cluster.synced(), { services: false, endpointslices: false, pods: false });
    assert.equal(topology.serviceAt('10.108.33.37', 6379), undefined);
    assert.deepEqual(problems.map(({ what }) => what).toSorted(), [
      'list endpointslices.discovery.k8s.io',
      'list pods',
      'list services',
    ]);
    assert.match(problems[0]!.reason, /^connect ECONNREFUSED 127\.0\.0\.1:\d+$/);
    assert.equal(problems[0]!.status, undefined);
    await server.start();
    await until(() => synced.length === 3, 'synced');
    assert.deepEqual(cluster.synced(), { services: true, endpointslices: true, pods: true });
    assert.equal(topology.serviceAt('10.108.33.37', 6379)?.name, 'redis');
  });

  test('for a while: what was known stays, what happened meanwhile is made up for', async (t) => {
    const { server, watchSynced, problems, synced, skipMs } = await createHarness(t, { recorded: false });
    server.put('services', web);
    server.put('pods', object(pod('shell', '10.244.0.9')));
    const watch = await watchSynced();
    await server.stop();
    assert.ok(allSynced(watch));
    skipMs(FAST.staleMs);
    await until(() => Object.values(watch.synced()).every((isSynced) => !isSynced), 'stale');
    assert.equal(watch.topology.serviceAt('10.108.0.9', 80)?.name, 'web');
    assert.equal(watch.topology.podAt('10.244.0.9')?.name, 'shell');
    await until(() => problems.length === 3, 'said');
    server.put('services', late);
    server.remove('services', 'shop', 'web');
    await server.start();
    await until(() => watch.topology.serviceAt('10.108.0.10', 80) !== undefined, 'the new Service');
    await until(() => isGone(watch, 'web'), 'the old Service gone');
    await until(() => server.watches === 3, 'three watches');
    server.bookmark();
    await until(() => allSynced(watch) && synced.length === 6, 'synced again, and said');
    assert.equal(problems.length, 3);
    const lists = server.requests.filter(({ verb }) => verb === 'list');
    assert.equal(lists.length, 3, 'no list was needed');
  });

  test('whose connections live and say nothing: what it told last gets old', async (t) => {
    const { server, watchSynced, skipMs, synced, problems } = await createHarness(t);
    const watch = await watchSynced();
    skipMs(FAST.staleMs);
    assert.deepEqual(watch.synced(), { services: false, endpointslices: false, pods: false });
    assert.equal(server.watches, 3);
    server.bookmark();
    await until(() => allSynced(watch), 'synced');
    assert.deepEqual([problems.length, synced.length], [0, 3]);
  });

  test('for so long that its history is gone: a new list, and what is not in it is removed', async (t) => {
    const { server, watchSynced, problems, synced } = await createHarness(t, { recorded: false });
    server.put('services', web);
    server.put('endpointslices', slice('web-x', 8080, [endpoint('10.244.1.1', 'web-1')]) as ApiObject);
    server.put('pods', object(pod('shell', '10.244.0.9')));
    server.put('pods', object(pod('stays', '10.244.0.10')));
    const { topology, errors, ...watch } = await watchSynced();
    const lasting = topology.podAt('10.244.0.10');
    await server.stop();
    await until(() => problems.length === 3, 'said');
    server.remove('services', 'shop', 'web');
    server.remove('endpointslices', 'shop', 'web-x');
    server.remove('pods', 'shop', 'shell');
    server.put('pods', object(pod('new', '10.244.0.9')));
    server.compact();
    await server.start();
    await until(() => isGone(watch, 'web'), 'the Service gone');
    await until(() => topology.podAt('10.244.0.9')?.name === 'new', 'the new pod');
    await until(() => topology.endpointAt('10.244.1.1', 8080)?.ready === false, 'the endpoint gone');
    assert.equal(topology.podAt('10.244.0.10'), lasting, 'what did not change was not touched');
    await until(() => synced.length === 6, 'said that it tells again, by the lists');
    assert.ok(
      problems.every(({ status }) => status === undefined),
      '410 is no problem',
    );
    const before = errors();
    server.put('services', late);
    await until(() => topology.serviceAt('10.108.0.10', 80) !== undefined, 'the watch goes on');
    assert.deepEqual(errors(), before);
  });
});

describe('a watch', () => {
  test('that breaks in the middle of an object is taken up where it was', async (t) => {
    const { server, watchSynced, problems } = await createHarness(t);
    const { topology, errors } = await watchSynced();
    server.write('services', `{"type":"ADDED","object":{"metadata":{"name":"ha`);
    await until(() => server.watches === 3, 'three watches');
    const watched = server.requests.length;
    server.dropConnections();
    await until(() => server.requests.length >= watched + 3 && server.watches === 3, 'three new watches');
    server.put('services', late);
    await until(() => topology.serviceAt('10.108.0.10', 80) !== undefined, 'the Service');
    assert.equal(server.requests.filter(({ verb }) => verb === 'list').length, 3);
    assert.deepEqual(errors(), { services: 1, endpointslices: 1, pods: 1 });
    assert.deepEqual(problems, [], 'one break is not worth a word');
  });

  test('that the server ends is no error; the next begins at the last bookmark, and lasts 5 to 10 minutes', async (t) => {
    const { server, watchSynced, problems } = await createHarness(t);
    const { errors } = await watchSynced();
    server.put('pods', object(pod('a', '10.244.0.99')));
    server.bookmark();
    server.endWatches();
    await until(() => server.requests.length === 9 && server.watches === 3, 'three new watches');
    const watches = server.requests.filter(({ verb }) => verb === 'watch').map(({ query }) => query);
    const versions = watches.map((query) => Number(query.get('resourceVersion')));
    assert.deepEqual(new Set(versions.slice(0, 3)).size, 1);
    assert.deepEqual(versions.slice(3), Array(3).fill(versions[0]! + 1));
    for (const query of watches) {
      const seconds = Number(query.get('timeoutSeconds'));
      assert.ok(seconds >= 300 && seconds <= 600, `${seconds}`);
      assert.equal(query.get('allowWatchBookmarks'), 'true');
    }
    assert.deepEqual(errors(), { services: 0, endpointslices: 0, pods: 0 });
    assert.deepEqual(problems, []);
  });

  test('that is half open ends by its silence, and is replaced', async (t) => {
    const { server, watchSynced, problems } = await createHarness(t);
    const { topology, errors } = await watchSynced({ timing: { silenceMs: 100 } });
    // The server believes that it tells; nothing arrives.
    await until(() => server.requests.filter(({ verb }) => verb === 'watch').length >= 9, 'new watches');
    assert.ok(errors().services >= 1);
    assert.deepEqual(new Set(problems.map(({ reason }) => reason)), new Set(['no byte for 0.1 s']));
    server.put('services', late);
    await until(() => topology.serviceAt('10.108.0.10', 80) !== undefined, 'the Service');
  });

  test('that gets bytes all the time does not end by silence', async (t) => {
    const { server, watchSynced } = await createHarness(t);
    const { errors } = await watchSynced({ timing: { silenceMs: 300 } });
    const begin = performance.now();
    await until(() => {
      server.bookmark();
      return performance.now() - begin > 700;
    }, 'twice the time');
    assert.deepEqual(errors(), { services: 0, endpointslices: 0, pods: 0 });
  });

  test('a server that accepts and answers nothing is given up, tried again, and said', async (t) => {
    const { server, watch, problems } = await createHarness(t);
    server.intercept = ({ kind }) => kind === 'pods';
    const { synced } = watch({ timing: { answerMs: 400 } });
    await until(() => problems.length > 0, 'said');
    assert.deepEqual(
      [problems[0]!.what, problems[0]!.reason, problems.length],
      ['list pods', 'no byte for 0.4 s', 1],
    );
    server.intercept = () => false;
    await until(() => synced().pods, 'synced');
  });
});
