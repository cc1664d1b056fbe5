/**
 * What these tests rely on in an API server. It holds for a real one (TEST_KUBECONFIG), and so our stand-in is held
 * against it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { ApiRefusal, callApi } from '../support/api-client.ts';
import { type ApiObject, pathOf } from '../support/api-objects.ts';
import { useCluster } from './live.ts';
import { endpointsAt, newPod, newService, newSlice, POD_ACCOUNT, runningAt } from './live-objects.ts';

const live = useCluster((cluster) => cluster.create('serviceaccounts', POD_ACCOUNT));

/** Holds that the server says no, in the words of a metav1.Status. */
async function isRefused(
  asked: Promise<unknown>,
  code: number,
  reason: string,
  message: RegExp,
): Promise<void> {
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof ApiRefusal, `${error}`);
    const expected = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code };
    assert.partialDeepStrictEqual({ ...error.status, code: error.code }, expected);
    assert.match(`${error.status['message']}`, message);
    return true;
  });
}

describe('an object', () => {
  test('that is made gets a name of its own if it asks for one, an identity, and a version that changes', async () => {
    const { cluster } = live();
    const { namespace, config } = cluster;
    const made = await cluster.create('services', newService('identity'));
    assert.match(`${made.metadata.uid}`, /^[0-9a-f-]{36}$/);
    assert.match(`${made.metadata['creationTimestamp']}`, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const labelled = await cluster.patch('services', 'identity', { metadata: { labels: { a: 'b' } } });
    assert.equal(labelled.metadata.uid, made.metadata.uid);
    assert.ok(Number(labelled.metadata.resourceVersion) > Number(made.metadata.resourceVersion));
    assert.deepEqual(await cluster.get('services', 'identity'), labelled);
    const path = pathOf('configmaps', namespace);
    const named = await callApi<ApiObject>(config, {
      method: 'POST',
      path,
      body: { metadata: { generateName: 'named-' } },
    });
    assert.match(named.metadata.name, /^named-[a-z0-9]{5}$/);
    await cluster.remove('configmaps', named.metadata.name);
  });

  test('is not made twice, nor where there is no namespace', async () => {
    const { cluster } = live();
    await cluster.create('services', newService('once'));
    const again = cluster.create('services', newService('once'));
    await isRefused(again, 409, 'AlreadyExists', /^services "once" already exists$/);
    const path = pathOf('services', `${cluster.namespace}-none`);
    const lost = callApi(cluster.config, { method: 'POST', path, body: newService('lost') });
    await isRefused(lost, 404, 'NotFound', /^namespaces ".*-none" not found$/);
  });

  test('is not changed by who saw an older version', async () => {
    const { cluster } = live();
    const slice = newSlice('raced', 'raced', 8080, [{ ip: cluster.freeIp(), pod: 'a' }]);
    const made = await cluster.create('endpointslices', slice);
    const next = endpointsAt(8080, [{ ip: cluster.freeIp(), pod: 'b' }]);
    await cluster.replace('endpointslices', { ...made, ...next });
    const late = cluster.replace('endpointslices', { ...made, ...next });
    const message = /^Operation cannot be fulfilled on endpointslices\.discovery\.k8s\.io "raced": /;
    await isRefused(late, 409, 'Conflict', message);
  });

  test('that is gone is not found', async () => {
    const { cluster } = live();
    await cluster.create('services', newService('brief'));
    await cluster.remove('services', 'brief');
    await isRefused(cluster.get('services', 'brief'), 404, 'NotFound', /^services "brief" not found$/);
    await isRefused(cluster.remove('services', 'brief'), 404, 'NotFound', /^services "brief" not found$/);
  });
});

test('a Service keeps the address it was given', async () => {
  const { cluster } = live();
  const { spec, status } = await cluster.create('services', {
    ...newService('fixed'),
    status: { loadBalancer: { ingress: [{ ip: '198.18.0.1' }] } },
  });
  assert.match(`${spec!['clusterIP']}`, /^[0-9a-f.:]+$/);
  assert.deepEqual(spec!['clusterIPs'], [spec!['clusterIP']]);
  assert.deepEqual(status, { loadBalancer: {} }, 'who makes an object does not say its status');
  const moved = cluster.patch('services', 'fixed', { spec: { clusterIP: '198.18.0.1', clusterIPs: null } });
  await isRefused(moved, 422, 'Invalid', /^Service "fixed" is invalid: /);
});

describe('a pod', () => {
  test('needs its account, has the status that the subresource is told, and no other', async () => {
    const { cluster } = live();
    const { nodeName } = cluster;
    const stranger = cluster.create('pods', newPod('stranger', nodeName, { serviceAccountName: 'nobody' }));
    await isRefused(stranger, 403, 'Forbidden', /serviceaccount "nobody" not found$/);
    const running = runningAt(cluster.freeIp(), cluster.freeIp());
    const made = await cluster.create('pods', { ...newPod('told', nodeName), ...running });
    assert.equal(made.status?.phase, 'Pending');
    assert.equal(made.status?.['podIP'], undefined);
    await cluster.patch('pods', 'told', running);
    assert.equal((await cluster.get('pods', 'told')).status?.phase, 'Pending');
    const labelled = { ...running, metadata: { labels: { told: 'yes' } } };
    const { status } = await cluster.patch('pods', 'told', labelled, 'status');
    assert.partialDeepStrictEqual({ status }, running);
    const moved = cluster.patch('pods', 'told', { spec: { nodeName: 'other' } });
    await isRefused(moved, 422, 'Invalid', /^Pod "told" is invalid: /);
  });

  test('that is given time to stop is there until it is removed at once', async () => {
    const { cluster } = live();
    await cluster.create('pods', newPod('slow', cluster.nodeName));
    await cluster.patch('pods', 'slow', runningAt(cluster.freeIp(), cluster.freeIp()), 'status');
    await cluster.remove('pods', 'slow', 30);
    const { metadata, status } = await cluster.get('pods', 'slow');
    assert.match(`${metadata.deletionTimestamp}`, /^\d{4}-/);
    assert.equal(status?.phase, 'Running');
    await cluster.remove('pods', 'slow');
    await isRefused(cluster.get('pods', 'slow'), 404, 'NotFound', /^pods "slow" not found$/);
  });
});

test('nobody is let in with a token that was not given out', async () => {
  const { cluster } = live();
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfigFor({ token: 'nonsense' }));
  const asked = callApi(config, { method: 'GET', path: pathOf('services') });
  await isRefused(asked, 401, 'Unauthorized', /^Unauthorized$/);
});
