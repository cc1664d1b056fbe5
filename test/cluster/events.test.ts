/** Events on pods, over the wire: the pod as the API server tells of it, the Event as it has to be for that server. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { nameFinding } from '../../src/enrich/name.ts';
import type { ClusterWatch } from '../../src/enrich/watch.ts';
import type { NamedPickup } from '../../src/model/named-finding.ts';
import { createKubernetesEvents } from '../../src/report/kubernetes-events.ts';
import { createLog } from '../../src/report/log.ts';
import { pickup } from '../unit/report/samples.ts';
import { createHarness, recordedList, until } from './harness.ts';

/** Recorded: the pod and the Service of `kubectl get` in test/fixtures/topology. */
const REDIS = { dst: '10.108.33.37', dport: 6379 };
const [CHECKOUT] = recordedList('pods').items;
const { podIP } = CHECKOUT!['status'] as { podIP: string };
const { name, uid } = CHECKOUT!.metadata as unknown as { name: string; uid: string };

function postTo({ topology, send }: ClusterWatch) {
  const lines: { readonly event: string; readonly msg: string }[] = [];
  const events = createKubernetesEvents({
    send,
    nowMs: () => performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    node: 'node-a',
    log: createLog({
      level: 'info',
      node: 'node-a',
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    }),
    note: (pickup) => `It broke: ${pickup.cause}.`,
  });
  const breakOne = () => {
    const { connection, ...rest } = pickup();
    const finding = { ...rest, connection: { ...connection, ...REDIS, src: podIP } };
    events.add(nameFinding(topology, finding, 'node-a') as NamedPickup);
  };
  return { events, lines, breakOne };
}

test('a break of a pod of this node is stored as an Event of its uid, and counted in its series', async (t) => {
  const { server, watchSynced } = await createHarness(t);
  const { events, lines, breakOne } = postTo(await watchSynced());
  breakOne();
  await until(
    () => server.events.events.length === 1,
    'stored',
    () => lines,
  );
  const [event] = server.events.events;
  assert.deepEqual(event!.regarding, { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', name, uid });
  assert.deepEqual(event!['related'], {
    apiVersion: 'v1',
    kind: 'Service',
    namespace: 'shop',
    name: 'redis',
  });
  assert.equal(event!.note, 'It broke: timeout.');
  assert.equal(event!['reportingInstance'], 'node-a');
  breakOne();
  breakOne();
  await events.stop();
  assert.equal(server.events.events.length, 1);
  assert.equal(server.events.events[0]!.series?.count, 3);
  assert.deepEqual(events.counts(), { created: 1, updated: 1, failed: 0, held_back: 0 });
  assert.deepEqual(lines, []);
});

test('without the right to do so it is said once, with what the server says, and watching goes on', async (t) => {
  const { server, watchSynced } = await createHarness(t);
  server.denied.add('create events');
  const watch = await watchSynced();
  const { events, lines, breakOne } = postTo(watch);
  breakOne();
  await until(() => lines.length > 0, 'said');
  breakOne();
  await events.stop();
  assert.equal(lines.length, 1);
  assert.match(
    lines[0]!.msg,
    /^Cannot create events\.events\.k8s\.io: 403 events\.events\.k8s\.io is forbidden: User "system:serviceaccount:\S+" cannot create resource "events" in API group "events\.k8s\.io" in the namespace "shop"\. deploy\/components\/kubernetes-events gives/,
  );
  assert.deepEqual([events.counts().failed, server.events.requests], [1, []]);
  assert.deepEqual(watch.errors(), { services: 0, endpointslices: 0, pods: 0 });
});

test('a token that was replaced is read anew, and the Event is posted', async (t) => {
  const { server, watchSynced, tokenFile } = await createHarness(t);
  const { events, lines, breakOne } = postTo(await watchSynced());
  server.tokens.clear();
  server.tokens.add('second');
  breakOne();
  await until(() => lines.length === 1, 'said');
  assert.match(lines[0]!.msg, /: 401 Unauthorized\./);
  writeFileSync(tokenFile, 'second\n');
  await until(
    () => server.events.events.length === 1,
    'stored',
    () => lines,
  );
  await events.stop();
  assert.equal(lines.at(-1)!.event, 'kubernetes_events_recovered');
});

test('a server that is gone costs nothing but the Event, and stopping does not wait for it', async (t) => {
  const { server, watchSynced } = await createHarness(t);
  const { events, lines, breakOne } = postTo(await watchSynced());
  await server.stop();
  breakOne();
  await until(() => lines.length === 1, 'said');
  assert.match(lines[0]!.msg, /: connect ECONNREFUSED 127\.0\.0\.1:\d+\./);
  const begin = performance.now();
  await events.stop();
  assert.ok(performance.now() - begin < 500);
  assert.deepEqual(events.counts(), { created: 0, updated: 0, failed: 1, held_back: 0 });
});
