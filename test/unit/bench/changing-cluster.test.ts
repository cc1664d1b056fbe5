import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bookmark, ChangingCluster, type Kind, NODE } from '../../../bench/changing-cluster.ts';
import { ClusterTopology } from '../../../src/enrich/cluster-topology.ts';
import { ObjectSet } from '../../../src/enrich/object-set.ts';
import { resourcesOf } from '../../../src/enrich/resources.ts';

const SIZE = { services: 30, endpointsPerService: 10, pods: 5 };
const KINDS: readonly Kind[] = ['services', 'endpointslices', 'pods'];

/** What follows the cluster as the agent does, and fails on any object that makes no sense. */
function follower() {
  const topology = new ClusterTopology(NODE, () => 0);
  const fail = (reason: string) => assert.fail(reason);
  const resources = resourcesOf(topology, NODE, () => {});
  const sets = new Map(resources.map((resource) => [resource.name, new ObjectSet(resource, fail)]));
  return { topology, set: (kind: Kind) => sets.get(kind)! };
}

function listAll(cluster: ChangingCluster) {
  const { topology, set } = follower();
  for (const kind of KINDS) {
    set(kind).beginList();
    for (const text of cluster.list(kind)) set(kind).addItem(text);
    set(kind).endList();
  }
  return { topology, set };
}

test('every object is read, and of the size that real ones have', () => {
  const cluster = new ChangingCluster(SIZE);
  const { topology } = listAll(cluster);
  assert.equal([...topology.services()].length, 40);
  const [service] = topology.services();
  assert.equal(topology.backendChoice(service!, false)?.endpoints.length, 10);
  const bytes = (kind: Kind) => cluster.list(kind)[7 % cluster.list(kind).length]!.length;
  assert.ok(bytes('services') > 1500 && bytes('services') < 3000, `${bytes('services')}`);
  assert.ok(bytes('endpointslices') > 4000 && bytes('endpointslices') < 6000, `${bytes('endpointslices')}`);
  assert.ok(bytes('pods') > 4500 && bytes('pods') < 9000, `${bytes('pods')}`);
});

test('who follows the changes knows what a list says afterwards', () => {
  const cluster = new ChangingCluster(SIZE);
  const { topology, set } = listAll(cluster);
  const kinds: Record<Kind, number> = { services: 0, endpointslices: 0, pods: 0 };
  let version = cluster.version;
  for (let i = 0; i < 1000; i++) {
    const { kind, type, object, ...change } = cluster.change();
    assert.equal(set(kind).addEvent(`{"type":"${type}","object":${object}}`), `${change.version}`);
    assert.ok(change.version > version);
    version = change.version;
    kinds[kind]++;
  }
  assert.deepEqual(kinds, { services: 40, endpointslices: 920, pods: 40 });
  const { topology: listed } = listAll(cluster);
  for (const service of listed.services()) {
    const choice = listed.backendChoice(service, false)!;
    assert.ok(choice.endpoints.length >= 9 && choice.endpoints.length <= 11);
    assert.deepEqual(topology.backendChoice(service, false), choice);
    for (const { ip, port } of choice.endpoints) {
      assert.deepEqual(topology.endpointAt(ip, port), listed.endpointAt(ip, port));
    }
  }
  assert.equal(cluster.list('pods').length, 5);
});

test('a bookmark brings its version', () => {
  for (const kind of KINDS) {
    const line = `{"type":"BOOKMARK","object":${bookmark(kind, 77)}}`;
    assert.equal(follower().set(kind).addEvent(line), '77');
  }
});
