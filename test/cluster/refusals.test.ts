/** The API server says no, or says nonsense. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiObject } from '../support/api-objects.ts';
import { refuse } from '../support/api-reply.ts';
import { pod, service } from '../unit/enrich/kubernetes-objects.ts';
import { allSynced, createHarness, FAST, until } from './harness.ts';

const object = (fields: object) => fields as ApiObject;
const late = object(service('late', { clusterIP: '10.108.0.10', ports: [{ port: 80 }] }));

describe('rights', () => {
  test('a missing one is said once, the rest goes on; when it is given all is well', async (t) => {
    const { server, watch, problems, synced } = await createHarness(t);
    server.denied.add('list endpointslices');
    const cluster = watch();
    await until(() => cluster.errors().endpointslices >= 3, 'three tries');
    assert.deepEqual(cluster.synced(), { services: true, endpointslices: false, pods: true });
    const [problem] = problems;
    assert.equal(problems.length, 1);
    assert.deepEqual([problem!.what, problem!.status], ['list endpointslices.discovery.k8s.io', 403]);
    assert.match(
      problem!.reason,
      /^403 endpointslices\.discovery\.k8s\.io is forbidden: User .* cannot list resource "endpointslices" in API/,
    );
    assert.deepEqual(cluster.errors().services, 0);
    server.denied.clear();
    await until(() => allSynced(cluster), 'synced');
    assert.equal(synced.filter((resource) => resource === 'endpointslices').length, 1);
  });

  test('without the right to watch the list is read again now and then, which does not count as up to date', async (t) => {
    const { server, watch, problems, synced } = await createHarness(t);
    const lists = () => server.requests.filter(({ kind, verb }) => kind === 'pods' && verb === 'list').length;
    server.denied.add('watch pods');
    const cluster = watch({ timing: { deniedMs: 10, relistMs: 100 } });
    await until(() => cluster.errors().pods >= 3 && cluster.synced().services, 'three tries');
    assert.equal(cluster.synced().pods, false);
    server.put('pods', object(pod('later', '10.244.0.99')));
    const before = lists();
    let wasSynced = false;
    await until(() => {
      wasSynced ||= cluster.synced().pods;
      return lists() >= before + 3;
    }, 'three more lists');
    assert.equal(cluster.topology.podAt('10.244.0.99')?.name, 'later');
    assert.ok(cluster.errors().pods > 2 * lists(), 'a watch is tried more often than a list is read');
    assert.equal(wasSynced, false);
    assert.deepEqual(
      problems.map(({ what, status }) => [what, status]),
      [['watch pods', 403]],
    );
    assert.equal(synced.filter((resource) => resource === 'pods').length, 1);
    server.denied.clear();
    await until(() => allSynced(cluster), 'synced');
    server.bookmark();
    await until(() => synced.filter((resource) => resource === 'pods').length === 2, 'said');
  });
});

describe('a server in trouble', () => {
  test('a list whose continue token expired is begun anew', async (t) => {
    const { server, watch, problems } = await createHarness(t, { recorded: false });
    for (let i = 0; i < 600; i++) server.put('pods', object(pod(`p${i}`, `10.0.${i >> 8}.${i & 255}`)));
    let compacted = 0;
    server.intercept = ({ query }) => {
      if (query.has('continue') && compacted++ === 0) server.compact();
      return false;
    };
    const { topology, synced } = watch();
    await until(() => synced().pods, 'synced');
    assert.ok(topology.podAt('10.0.2.87'));
    assert.equal(compacted, 2);
    assert.deepEqual(problems, []);
  });

  test('one that is overloaded is left alone as long as it asks for', async (t) => {
    const { server, watch, problems } = await createHarness(t);
    const times: number[] = [];
    server.intercept = ({ kind, response }) => {
      if (kind !== 'pods' || times.push(performance.now()) > 1) return false;
      response.setHeader('retry-after', '1');
      refuse(response, 429, 'TooManyRequests', 'too many requests');
      return true;
    };
    const { synced } = watch();
    await until(() => synced().pods, 'synced');
    assert.ok(times[1]! - times[0]! >= 990, `${times[1]! - times[0]!} ms`);
    assert.deepEqual(
      problems.map(({ status }) => status),
      [429],
    );
  });

  test('an answer that is no list, and a proxy’s page, are problems like others', async (t) => {
    const { server, watch, problems } = await createHarness(t);
    server.intercept = ({ kind, response }) => {
      if (kind === 'services') response.end('{"kind":"Status"}');
      if (kind === 'pods') response.writeHead(502).end('<html>\n<b>Bad Gateway</b>');
      return kind !== 'endpointslices';
    };
    const cluster = watch();
    await until(() => problems.length >= 2 && cluster.synced().endpointslices, 'both said');
    const reasons = new Map(problems.map(({ resource, reason }) => [resource, reason]));
    assert.equal(reasons.get('services'), 'the answer is no list: items: expected a list, got nothing');
    assert.equal(reasons.get('pods'), '502 <html> <b>Bad Gateway</b>');
    server.intercept = () => false;
    await until(() => allSynced(cluster), 'synced');
  });

  test('objects that make no sense are counted and passed over, listed or watched', async (t) => {
    const { server, watchSynced, problems } = await createHarness(t);
    server.put('services', object(service('bad', { clusterIP: '10.108.0.7', ports: [{ port: 'x' }] })));
    const { topology, services, errors } = await watchSynced();
    assert.equal(errors().services, 1);
    assert.deepEqual(
      problems.map(({ verb, reason }) => [verb, reason]),
      [['read', 'spec.ports[0].port: expected a port number, got "x"']],
    );
    const nonsense = ['{', '7', '[]', 'null', '{"type":"ADDED"}', '{"type":"MOVED","object":{}}', '"ADDED"'];
    server.write('services', `${nonsense.join('\n')}\n\n`);
    server.put('services', object(service('worse', { clusterIP: 'x', ports: [{ port: 80 }] })));
    server.put('services', late);
    await until(() => topology.serviceAt('10.108.0.10', 80) !== undefined, 'the Service after them');
    assert.equal(errors().services, 1 + nonsense.length + 1);
    assert.equal(problems.length, 1, 'the first is told, not each');
    server.write('services', `${'x'.repeat(9 * 2 ** 20)}\n`);
    server.remove('services', 'shop', 'late');
    await until(() => [...services()].every(({ name }) => name !== 'late'), 'the Service gone');
    assert.equal(errors().services, 1 + nonsense.length + 2);
  });

  test('an error within a watch ends it; it is said, and taken up again', async (t) => {
    const { server, watchSynced, problems, synced } = await createHarness(t);
    const { topology } = await watchSynced();
    const status = { kind: 'Status', code: 500, message: 'etcdserver: leader changed' };
    server.write('pods', `${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    await until(() => problems.length === 1, 'said');
    assert.deepEqual(
      [problems[0]!.what, problems[0]!.reason],
      ['watch pods', '500 etcdserver: leader changed'],
    );
    await until(() => server.watches === 3, 'a new watch');
    server.put('pods', object(pod('a', '10.244.0.99')));
    await until(() => topology.podAt('10.244.0.99') !== undefined, 'the pod');
    assert.equal(synced.filter((resource) => resource === 'pods').length, 2);
  });

  test('watches that are accepted and fail each time: the list is read anew, which does not count as up to date', async (t) => {
    const { server, watchSynced, problems, synced, skipMs } = await createHarness(t);
    const cluster = await watchSynced();
    const status = { kind: 'Status', code: 500, message: 'unable to decode an event' };
    const lists = () => server.requests.filter(({ kind, verb }) => kind === 'pods' && verb === 'list').length;
    server.intercept = ({ kind, verb, response }) => {
      if (kind !== 'pods' || verb !== 'watch') return false;
      response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
      return true;
    };
    server.dropConnections();
    await until(() => problems.length === 1, 'said');
    server.put('pods', object(pod('later', '10.244.0.99')));
    await until(() => cluster.topology.podAt('10.244.0.99') !== undefined, 'the pod, by a list');
    assert.ok(cluster.synced().pods, 'the server told all not long ago');
    skipMs(FAST.staleMs);
    const before = lists();
    await until(() => lists() >= before + 2, 'two more lists');
    assert.equal(cluster.synced().pods, false);
    const watches = server.requests.filter(({ kind, verb }) => kind === 'pods' && verb === 'watch').length;
    assert.ok(watches >= 3 * (lists() - 1), `${watches} watches, ${lists()} lists`);
    assert.deepEqual(
      problems.map(({ what, reason }) => [what, reason]),
      [['watch pods', '500 unable to decode an event']],
    );
    assert.equal(synced.filter((resource) => resource === 'pods').length, 1);
    server.intercept = () => false;
    await until(() => server.watches === 3, 'three watches');
    server.bookmark();
    await until(() => allSynced(cluster), 'synced');
    assert.equal(synced.filter((resource) => resource === 'pods').length, 2);
  });

  test('a proxy that writes another text each time is said once', async (t) => {
    const { server, watch, problems, synced } = await createHarness(t);
    server.intercept = ({ kind, response }) => {
      if (kind !== 'pods') return false;
      response.writeHead(503).end(`<html>request id ${server.requests.length}`);
      return true;
    };
    const cluster = watch();
    await until(() => cluster.errors().pods >= 5, 'five tries');
    assert.deepEqual(
      problems.map(({ what, status }) => [what, status]),
      [['list pods', 503]],
    );
    server.intercept = () => false;
    await until(() => allSynced(cluster) && synced.length === 3, 'synced');
  });

  test('stopping ends everything at once, wherever it is', async (t) => {
    const { server, watch, watchSynced } = await createHarness(t);
    const cluster = await watchSynced();
    const begin = performance.now();
    await cluster.stop();
    await until(() => server.watches === 0, 'no watch left');
    server.intercept = () => true;
    const waiting = watch({ timing: { answerMs: 60_000 } });
    const asked = server.requests.length;
    await until(() => server.requests.length === asked + 3, 'asked');
    await waiting.stop();
    await server.stop();
    const backingOff = watch({ timing: { backoffMinMs: 60_000, backoffMaxMs: 60_000 } });
    await until(() => backingOff.errors().pods === 1, 'refused');
    await backingOff.stop();
    assert.ok(performance.now() - begin < 2000);
    assert.equal(cluster.topology.serviceAt('10.108.33.37', 6379)?.name, 'redis');
  });
});
