import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  checkAccess,
  checkApiServer,
  checkNodeName,
  unreachableApiServer,
  wantedAccess,
} from '../../../src/doctor/api-access.ts';
import {
  checkTopologyFile,
  unreadableTopologyFile,
  withoutTopology,
} from '../../../src/doctor/topology-file.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** What is said when these rights are missing. */
function without(...refused: readonly string[]) {
  const answers = wantedAccess().map((access) => ({
    ...access,
    allowed: !refused.includes(`${access.verb} ${access.resource}`),
  }));
  return Object.fromEntries(checkAccess(answers).map((result) => [result.id, result]));
}

test('all rights there are', () => {
  const results = without();
  assert.deepEqual(Object.keys(results), ['api_services', 'api_endpointslices', 'api_pods', 'api_events']);
  for (const { status } of Object.values(results)) assert.equal(status, 'OK');
  assert.equal(results['api_pods']!.seen, 'Allowed in all namespaces: get, list, watch.');
  assert.equal(checkApiServer().status, 'OK');
});

test('without list it fails, without watch it warns, get is not needed', () => {
  const unlisted = without('list pods')['api_pods']!;
  assert.equal(unlisted.status, 'FAIL');
  assert.match(
    unlisted.seen,
    /Allowed in all namespaces: get, watch; not list: nothing of the kind is known/,
  );
  const unwatched = without('watch services')['api_services']!;
  assert.equal(unwatched.status, 'WARN');
  assert.match(unwatched.seen, /not watch: the list is read anew every five minutes/);
  assert.equal(without('get endpointslices')['api_endpointslices']!.status, 'OK');
  const bare = without('get services', 'list services', 'watch services')['api_services']!;
  assert.match(bare.seen, /nothing; not list, watch/);
});

test('rights to Events are only a warning, as only --emit-events needs them', () => {
  for (const verb of ['create', 'patch']) {
    const { status, seen } = without(`${verb} events`)['api_events']!;
    assert.equal(status, 'WARN');
    assert.match(seen, new RegExp(`not ${verb}: --emit-events`));
  }
});

test('the manifests that are to be applied are there, and give what is asked', () => {
  const all = without(...wantedAccess().map(({ verb, resource }) => `${verb} ${resource}`));
  const files = Object.values(all).flatMap(({ fix }) => fix!.join(' ').match(/deploy\/\S+/g)!);
  assert.ok(files.length >= 8);
  for (const file of files) assert.ok(existsSync(join(ROOT, file)), file);
});

test('an API server that cannot be reached fails with the reason', () => {
  const result = unreachableApiServer('connect ECONNREFUSED 10.0.0.1:6443', 'admin.conf');
  assert.equal(result.status, 'FAIL');
  assert.equal(result.seen, 'Connect ECONNREFUSED 10.0.0.1:6443.');
  assert.equal(result.fix![0], 'kubectl --kubeconfig admin.conf get --raw /version');
  assert.equal(unreachableApiServer('x', undefined).fix![0], 'kubectl get --raw /version');
});

test('the name of this node', () => {
  assert.equal(checkNodeName('node-1', true).status, 'OK');
  const wrong = checkNodeName('node-1', false);
  assert.equal(wrong.status, 'WARN');
  assert.match(wrong.seen, /no pod on a node "node-1"/);
});

test('a topology file: what it has, and whether it knows this node', () => {
  const facts = {
    path: 'cluster.yaml',
    nodeName: 'node-1',
    services: 3,
    endpoints: 5,
    pods: 7,
    nodes: new Set(['node-1', 'node-2']),
  };
  const fine = checkTopologyFile(facts);
  assert.equal(fine.status, 'OK');
  assert.match(fine.seen, /cluster\.yaml has 3 Services, 5 endpoints and 7 pods/);
  const elsewhere = checkTopologyFile({ ...facts, nodes: new Set(['a', 'b', 'c', 'd']) });
  assert.equal(elsewhere.status, 'WARN');
  assert.match(elsewhere.seen, /none of these is on a node "node-1" \(there are a, b, c and more\)/);
  assert.equal(checkTopologyFile({ ...facts, nodes: new Set() }).status, 'WARN');
  assert.equal(checkTopologyFile({ ...facts, services: 0 }).status, 'WARN');
  const unreadable = unreadableTopologyFile("it's/cluster.yaml", 'ENOENT: no such file');
  assert.deepEqual([unreadable.status, unreadable.seen], ['FAIL', 'ENOENT: no such file.']);
  assert.match(unreadable.fix![0]!, /> 'it'\\''s\/cluster\.yaml'$/);
  assert.equal(withoutTopology().status, 'OK');
});
