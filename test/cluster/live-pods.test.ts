/** The pods of a node: those of a real cluster with TEST_KUBECONFIG, else of our stand-in. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { ApiGet } from '../../src/enrich/api-call.ts';
import { ClusterTopology } from '../../src/enrich/cluster-topology.ts';
import { DEFAULT_TIMING } from '../../src/enrich/follow-timing.ts';
import { list } from '../../src/enrich/list-and-watch.ts';
import { ObjectSet } from '../../src/enrich/object-set.ts';
import { resourcesOf } from '../../src/enrich/resources.ts';
import { callApi } from '../support/api-client.ts';
import { useCluster } from './live.ts';
import { newPod, POD_ACCOUNT, runningAt } from './live-objects.ts';

const KEPT_MS = 600_000;
const live = useCluster((cluster) => cluster.create('serviceaccounts', POD_ACCOUNT));

/** A pod of our node that runs at this address. */
async function run(name: string, ip: string, spec: object = {}, metadata: object = {}): Promise<void> {
  const { cluster } = live();
  await cluster.create('pods', newPod(name, cluster.nodeName, spec, metadata));
  const nodeIp = 'hostNetwork' in spec ? ip : cluster.freeIp();
  await cluster.patch('pods', name, runningAt(ip, nodeIp), 'status');
}

test('a pod is known from when it has an address until ten minutes after it is gone', async (t) => {
  const { cluster, watchSynced } = live();
  const { topology, skipMs, until, problems, errors } = await watchSynced(t);
  const { namespace, nodeName } = cluster;
  const [ip, nodeIp, other] = [cluster.freeIp(), cluster.freeIp(), cluster.freeIp()];
  await cluster.create('pods', newPod('shell', nodeName));
  await cluster.patch('pods', 'shell', runningAt(ip, nodeIp), 'status');
  await until(() => topology.podAt(ip) !== undefined, 'the pod');
  const { uid: _uid, ...name } = { uid: undefined, ...topology.podAt(ip) };
  assert.deepEqual(name, { namespace, name: 'shell', workload: 'Pod/shell', node: nodeName });
  assert.equal(topology.nodeAt(nodeIp), nodeName);

  await cluster.remove('pods', 'shell', 30);
  await run('after', other);
  await until(() => topology.podAt(other) !== undefined, 'what came after');
  assert.equal(topology.podAt(ip)?.name, 'shell', 'it terminates');
  await cluster.remove('pods', 'shell');
  await until(() => topology.nodeAt(nodeIp) === undefined, 'the pod gone');
  assert.equal(topology.podAt(ip)?.name, 'shell');
  skipMs(KEPT_MS + 1);
  assert.equal(topology.podAt(ip), undefined);
  assert.deepEqual([problems, errors()], [[], { services: 0, endpointslices: 0, pods: 0 }]);
});

test('an address is the new pod’s at once, though the old one is not gone yet', async (t) => {
  const { cluster, watchSynced } = live();
  const { topology, until } = await watchSynced(t);
  const ip = cluster.freeIp();
  await run('old', ip);
  await until(() => topology.podAt(ip)?.name === 'old', 'the old pod');
  await cluster.remove('pods', 'old', 30);
  await run('new', ip);
  await until(() => topology.podAt(ip)?.name === 'new', 'the new pod');
  await cluster.remove('pods', 'old');
  await cluster.remove('pods', 'new');
  await run('newest', ip);
  await until(() => topology.podAt(ip)?.name === 'newest', 'the newest pod');
});

test('a pod that has ended gives its address back, and keeps its name there until another takes it', async (t) => {
  const { cluster, watchSynced } = live();
  const { topology, skipMs, until } = await watchSynced(t);
  const [ip, other] = [cluster.freeIp(), cluster.freeIp()];
  await run('job', ip);
  await until(() => topology.podAt(ip)?.name === 'job', 'the pod');
  await cluster.patch('pods', 'job', { status: { phase: 'Succeeded' } }, 'status');
  await run('mark', other);
  await until(() => topology.podAt(other) !== undefined, 'what came after');
  assert.equal(topology.podAt(ip)?.name, 'job');
  skipMs(KEPT_MS + 1);
  assert.equal(topology.podAt(ip), undefined);
});

test('pods of other nodes are not asked for; those on the host network do not own its address', async (t) => {
  const { cluster, watchSynced } = live();
  const { nodeName } = cluster;
  const [elsewhere, later, nodeIp, ip] = [0, 1, 2, 3].map(() => cluster.freeIp()) as [
    string,
    string,
    string,
    string,
  ];
  await cluster.create('pods', newPod('elsewhere', `${nodeName}-2`));
  await cluster.patch('pods', 'elsewhere', runningAt(elsewhere, cluster.freeIp()), 'status');
  await run('host', nodeIp, { hostNetwork: true });
  const { topology, until } = await watchSynced(t);
  await cluster.create('pods', newPod('later', `${nodeName}-2`));
  await cluster.patch('pods', 'later', runningAt(later, cluster.freeIp()), 'status');
  await run('here', ip);
  await until(() => topology.podAt(ip)?.name === 'here', 'the pod of this node');
  for (const address of [elsewhere, later, nodeIp]) assert.equal(topology.podAt(address), undefined);
  assert.equal(topology.nodeAt(nodeIp), nodeName);
});

test('a pod is called after what controls it', async (t) => {
  const { cluster, watchSynced } = live();
  const { topology, until } = await watchSynced(t);
  // Of a kind that no controller looks after, and that is there, so that nobody collects the pod.
  const owner = await cluster.create('configmaps', { metadata: { name: 'ledger' } });
  const { name, uid } = owner.metadata;
  const ip = cluster.freeIp();
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid, controller: true }];
  await run('ledger-0', ip, {}, { ownerReferences });
  await until(() => topology.podAt(ip)?.workload === 'ConfigMap/ledger', 'the workload');
});

test('a list that comes in several pages is one list', async () => {
  const { cluster } = live();
  const nodeName = `${cluster.nodeName}-3`;
  const ips = Array.from({ length: 5 }, () => cluster.freeIp());
  for (const [at, ip] of ips.entries()) {
    await cluster.create('pods', newPod(`paged-${at}`, nodeName));
    await cluster.patch('pods', `paged-${at}`, runningAt(ip, cluster.freeIp()), 'status');
  }
  const topology = new ClusterTopology(nodeName, () => 0);
  const resource = resourcesOf(topology, nodeName, () => {}).find(({ name }) => name === 'pods')!;
  const pages: boolean[] = [];
  // From its cache a server gives all at once; a list of now comes in pages.
  const get: ApiGet = async (path, { resourceVersion: _any, ...query }) => {
    pages.push('continue' in query);
    // From its cache the server gives no pages.
    const { resourceVersion: _fromCache, ...paged } = query;
    const limited = new URLSearchParams({ ...paged, limit: '2' });
    const page = await callApi(cluster.config, { method: 'GET', path: `${path}?${limited}` });
    const body = Readable.from([Buffer.from(JSON.stringify(page))]);
    return { status: 200, retryAfter: undefined, body, close: async () => {} };
  };
  const { signal } = new AbortController();
  const objects = new ObjectSet(resource, assert.fail);
  assert.match(`${await list({ resource, get, timing: DEFAULT_TIMING, signal }, objects)}`, /^[1-9]\d*$/);
  assert.deepEqual(
    ips.map((ip) => topology.podAt(ip)?.name),
    ips.map((_ip, at) => `paged-${at}`),
  );
  assert.deepEqual(pages, [false, true, true]);
});
