/** Who we are, as the kubeconfig says: what its files hold is what the next connection uses. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ClusterConfigError, watchCluster } from '../../src/enrich/watch.ts';
import type { ApiObject } from '../support/api-objects.ts';
import { clusterAt, kubeconfigOf } from '../support/kubeconfig.ts';
import { service } from '../unit/enrich/kubernetes-objects.ts';
import { allSynced, createHarness, type Harness, until } from './harness.ts';

const object = (fields: object) => fields as ApiObject;
const late = object(service('late', { clusterIP: '10.108.0.10', ports: [{ port: 80 }] }));

describe('credentials', () => {
  test('a token that was replaced is read anew, and the watches go on', async (t) => {
    const { server, watchSynced, tokenFile } = await createHarness(t);
    const { topology } = await watchSynced();
    server.tokens.clear();
    server.tokens.add('second');
    writeFileSync(tokenFile, 'second\n');
    server.dropConnections();
    await until(() => server.watches === 3, 'watches with the new token');
    server.put('services', late);
    await until(() => topology.serviceAt('10.108.0.10', 80) !== undefined, 'the Service');
    assert.equal(server.requests.at(-1)!.authorization, 'Bearer second');
  });

  test('a token that was replaced meanwhile is asked with at once after a 401, which is no failure', async (t) => {
    const { server, watchSynced, tokenFile } = await createHarness(t);
    const { errors } = await watchSynced({ timing: { backoffMinMs: 5, backoffMaxMs: 60_000 } });
    server.tokens.clear();
    server.tokens.add('second');
    writeFileSync(tokenFile, 'second\n');
    server.endWatches();
    const sent = (token: string) =>
      server.requests.slice(6).filter(({ authorization }) => authorization === `Bearer ${token}`).length;
    await until(() => server.watches === 3 && sent('second') === 3, 'new watches');
    assert.ok(sent('secret') > 0, 'one was refused');
    assert.deepEqual(errors(), { services: 0, endpointslices: 0, pods: 0 });
  });

  test('a token that is refused is said with its status, and tried again', async (t) => {
    const { server, watch, problems, tokenFile } = await createHarness(t);
    writeFileSync(tokenFile, 'wrong');
    const cluster = watch();
    await until(() => cluster.errors().pods >= 3, 'three tries');
    assert.deepEqual(
      problems.map(({ status, reason }) => [status, reason]),
      Array(3).fill([401, '401 Unauthorized']),
    );
    writeFileSync(tokenFile, 'secret');
    await until(() => allSynced(cluster), 'synced');
    assert.equal(server.tokens.has('secret'), true);
  });

  test('a server that another authority signed for is not told the token', async (t) => {
    const { server, kubeconfig, watch, problems } = await createHarness(t);
    const config = readFileSync(kubeconfig, 'utf8');
    const { 'certificate-authority-data': _ca, ...rest } = JSON.parse(config).clusters[0].cluster;
    writeFileSync(
      kubeconfig,
      JSON.stringify({ ...JSON.parse(config), clusters: [{ name: 'test', cluster: rest }] }),
    );
    watch();
    await until(() => problems.length === 3, 'said');
    assert.match(problems[0]!.reason, /certificate/);
    assert.deepEqual(server.requests, []);
  });

  test('a kubeconfig that says nothing is an error at once', async (t) => {
    const { folder } = await createHarness(t);
    const path = join(folder, 'other');
    const rows = [
      ['{}', /^kubeconfig .*other: it names no cluster/],
      ['a: [', /^kubeconfig .*other: /],
      [
        '{"clusters": [{"name": "a", "cluster": {"server": "x y"}}], "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}], "users": [], "current-context": "a"}',
        /"x y" is no address/,
      ],
    ] as const;
    const options = { nodeName: 'node-a', nowMs: () => 0 };
    for (const [text, message] of rows) {
      writeFileSync(path, text);
      assert.throws(() => watchCluster({ ...options, kubeconfig: path }), {
        name: 'ClusterConfigError',
        message,
      });
    }
    assert.throws(() => watchCluster({ ...options, kubeconfig: join(folder, 'none') }), ClusterConfigError);
    assert.throws(
      () => watchCluster({ ...options, kubeconfig: undefined }),
      /^ClusterConfigError: not in a cluster/,
    );
  });
});

describe('a client certificate', () => {
  /** In the files of the kubeconfig, whose paths are relative to it. */
  function putCertificate({ server, folder, kubeconfig, authority }: Harness, commonName: string): void {
    const { cert, key } = authority.issue(commonName);
    writeFileSync(join(folder, 'client.crt'), cert);
    writeFileSync(join(folder, 'client.key'), key);
    const user = { 'client-certificate': 'client.crt', 'client-key': 'client.key' };
    writeFileSync(kubeconfig, kubeconfigOf(clusterAt(server.url, authority.ca), user));
  }
  const lastNames = ({ server }: Harness) =>
    server.requests.slice(-3).map(({ certificateName }) => certificateName);

  test('that was replaced is used from the next connection on, before the old one is refused', async (t) => {
    const harness = await createHarness(t);
    const { server, watchSynced } = harness;
    server.certificateNames.add('first').add('second');
    putCertificate(harness, 'first');
    await watchSynced();
    assert.deepEqual(lastNames(harness), Array(3).fill('first'));
    putCertificate(harness, 'second');
    server.endWatches();
    await until(() => server.requests.length === 9 && server.watches === 3, 'new watches');
    assert.deepEqual(lastNames(harness), Array(3).fill('second'));
    assert.ok(server.requests.every(({ authorization }) => authorization === undefined));
  });

  test('that ends is said; what takes its place is used', async (t) => {
    const harness = await createHarness(t);
    const { server, watchSynced, problems } = harness;
    server.certificateNames.add('first');
    putCertificate(harness, 'first');
    const { topology } = await watchSynced();
    server.certificateNames.clear();
    server.certificateNames.add('second');
    server.dropConnections();
    await until(() => problems.length === 3, 'said');
    for (const { reason } of problems) assert.equal(reason, '401 Unauthorized');
    putCertificate(harness, 'second');
    server.put('services', late);
    await until(() => topology.serviceAt('10.108.0.10', 80) !== undefined, 'the Service');
    await until(() => server.watches === 3, 'three watches');
    assert.deepEqual(lastNames(harness), Array(3).fill('second'));
  });

  test('that does not fit its key yet is said, and tried again', async (t) => {
    const harness = await createHarness(t);
    const { server, folder, authority, watch, problems } = harness;
    server.certificateNames.add('first');
    putCertificate(harness, 'first');
    writeFileSync(join(folder, 'client.key'), authority.issue('other').key);
    const cluster = watch();
    await until(() => problems.length === 3, 'said');
    for (const { reason } of problems) assert.match(reason, /key values mismatch/i);
    putCertificate(harness, 'first');
    await until(() => allSynced(cluster), 'synced');
  });
});

test('a token that is in the kubeconfig itself is read anew within a minute', async (t) => {
  const { server, kubeconfig, watchSynced, skipMs } = await createHarness(t);
  const put = (token: string) =>
    writeFileSync(kubeconfig, kubeconfigOf(clusterAt(server.url, server.certificates.ca), { token }));
  put('secret');
  await watchSynced();
  server.tokens.add('second');
  put('second');
  skipMs(61_000);
  server.endWatches();
  await until(() => server.requests.length === 9 && server.watches === 3, 'new watches');
  assert.ok(server.requests.slice(-3).every(({ authorization }) => authorization === 'Bearer second'));
});

test('a token in the file that the kubeconfig names is read anew after it was refused', async (t) => {
  const { server, folder, kubeconfig, watchSynced } = await createHarness(t);
  const config = kubeconfigOf(clusterAt(server.url, server.certificates.ca), { tokenFile: 'token' });
  writeFileSync(kubeconfig, config);
  await watchSynced();
  server.tokens.clear();
  server.tokens.add('second');
  writeFileSync(join(folder, 'token'), 'second\n');
  server.dropConnections();
  const isNew = ({ authorization }: { authorization: string | undefined }) =>
    authorization === 'Bearer second';
  await until(() => server.watches === 3 && server.requests.slice(-3).every(isNew), 'new watches');
});
