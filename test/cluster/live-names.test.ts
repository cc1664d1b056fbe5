/** Names follow a cluster: a real one with TEST_KUBECONFIG, else our stand-in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTopology } from '../../src/commands/topology/load-topology.ts';
import { readTopology } from '../../src/commands/topology/read-topology.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { useCluster } from './live.ts';
import { endpointsAt, newService, newSlice } from './live-objects.ts';

/** For how long the names of what is gone are kept. */
const KEPT_MS = 600_000;
const live = useCluster();
const clusterIpOf = ({ spec }: { spec?: Readonly<Record<string, unknown>> }) => String(spec!['clusterIP']);

test('a Service is known as soon as it is made, at its port of now, and for ten minutes after its end', async (t) => {
  const { cluster, watchSynced } = live();
  const { topology, services, skipMs, until, problems, errors } = await watchSynced(t);
  const { namespace } = cluster;
  const ip = clusterIpOf(await cluster.create('services', newService('web')));
  await until(() => topology.serviceAt(ip, 80) !== undefined, 'the Service');
  assert.deepEqual(topology.serviceAt(ip, 80), { namespace, name: 'web', port: 80 });
  assert.equal(topology.serviceAt(ip, 8080), undefined);

  await cluster.patch('services', 'web', { spec: { ports: [{ name: 'web', port: 81, targetPort: 8080 }] } });
  await until(() => topology.serviceAt(ip, 81)?.name === 'web', 'the new port');
  const portsOf = (wanted: string) =>
    [...services()].filter((each) => each.namespace === namespace && each.name === wanted);
  assert.deepEqual(portsOf('web'), [{ namespace, name: 'web', port: 81 }]);

  await cluster.remove('services', 'web');
  await until(() => portsOf('web').length === 0, 'the Service gone');
  assert.equal(topology.serviceAt(ip, 81)?.name, 'web', 'its connections may break now');
  await cluster.create('services', newService('next', { clusterIP: ip }));
  await until(() => topology.serviceAt(ip, 80)?.name === 'next', 'the next Service with this address');
  assert.equal(topology.serviceAt(ip, 81)?.name, 'web');
  skipMs(KEPT_MS + 1);
  assert.equal(topology.serviceAt(ip, 81), undefined);
  assert.equal(topology.serviceAt(ip, 80)?.name, 'next');
  assert.deepEqual([problems, errors()], [[], { services: 0, endpointslices: 0, pods: 0 }]);
});

test('a Service has its node port on nodes only', async (t) => {
  const { cluster, watchSynced } = live();
  const { topology, until } = await watchSynced(t);
  const { spec } = await cluster.create('services', newService('exposed', { type: 'NodePort' }));
  const [{ nodePort }] = spec!['ports'] as [{ nodePort: number }];
  await until(() => topology.serviceAtNodePort('127.0.0.1', nodePort)?.name === 'exposed', 'the Service');
  assert.equal(topology.serviceAtNodePort(cluster.freeIp(), nodePort), undefined);
});

test('backends are known with their readiness, and keep their names when they leave', async (t) => {
  const { cluster, watchSynced } = live();
  const { topology, skipMs, until } = await watchSynced(t);
  const { namespace } = cluster;
  const [one, two] = [cluster.freeIp(), cluster.freeIp()];
  await cluster.create('services', newService('shop'));
  const both = [
    { ip: one, pod: 'shop-1' },
    { ip: two, pod: 'shop-2' },
  ];
  const made = await cluster.create('endpointslices', newSlice('shop-x', 'shop', 8080, both));
  await until(() => topology.endpointAt(one, 8080) !== undefined, 'the endpoints');
  const state = { namespace, pod: 'shop-1', node: undefined, ready: true };
  assert.deepEqual(topology.endpointAt(one, 8080), state);
  assert.equal(topology.endpointAt(one, 80), undefined);
  await until(
    () => topology.backendChoice({ namespace, name: 'shop', port: 80 }, false)?.endpoints.length === 2,
    'the choice of the Service',
  );

  const notReady = endpointsAt(8080, [{ ...both[0]!, ready: false }, both[1]!]);
  const changed = await cluster.replace('endpointslices', { ...made, ...notReady });
  await until(() => topology.endpointAt(one, 8080)?.ready === false, 'not ready');
  assert.equal(topology.endpointAt(two, 8080)?.ready, true);
  assert.equal(topology.backendChoice({ namespace, name: 'shop', port: 80 }, false)?.endpoints.length, 1);

  await cluster.replace('endpointslices', { ...changed, ...endpointsAt(8080, [both[0]!]) });
  await until(() => topology.endpointAt(two, 8080)?.ready === false, 'one gone');
  await cluster.remove('endpointslices', 'shop-x');
  const successor = newSlice('shop-y', 'shop', 8080, [{ ip: one, pod: 'shop-9' }]);
  await cluster.create('endpointslices', successor);
  await until(() => topology.endpointAt(one, 8080)?.pod === 'shop-9', 'the next pod with this address');
  assert.deepEqual(topology.endpointAt(two, 8080), { ...state, pod: 'shop-2', ready: false });
  skipMs(KEPT_MS + 1);
  assert.equal(topology.endpointAt(two, 8080), undefined);
  assert.equal(topology.endpointAt(one, 8080)?.ready, true);
});

test('backends are known by IPv6 too', async (t) => {
  const { cluster, watchSynced } = live();
  const { topology, until } = await watchSynced(t);
  const [, , third, fourth] = cluster.freeIp().split('.').map(Number);
  const ip = `fd00:198:18::${(0x8000 + (third! % 128) * 256 + fourth!).toString(16)}`;
  await cluster.create('endpointslices', newSlice('six', 'six', 8080, [{ ip, pod: 'six-1' }]));
  await until(() => topology.endpointAt(ip, 8080)?.pod === 'six-1', 'the endpoint');
});

test('what kube-proxy does not look at is left out: headless Services, and those of other proxies', async (t) => {
  const { cluster, watchSynced } = live();
  const headless = { 'service.kubernetes.io/headless': '' };
  const foreign = { 'service.kubernetes.io/service-proxy-name': 'conntrack-watchdog-test' };
  const hidden = { ip: cluster.freeIp(), pod: 'headless-1' };
  await cluster.create('services', newService('headless', { clusterIP: 'None' }));
  await cluster.create('endpointslices', newSlice('headless-x', 'headless', 8080, [hidden], headless));
  const foreignIp = clusterIpOf(await cluster.create('services', newService('foreign', {}, foreign)));
  const { topology, services, until } = await watchSynced(t);
  const ip = clusterIpOf(await cluster.create('services', newService('plain')));
  const later = { ip: cluster.freeIp(), pod: 'headless-2' };
  await cluster.create('endpointslices', newSlice('headless-y', 'headless', 8080, [later], headless));
  const seen = { ip: cluster.freeIp(), pod: 'plain-1' };
  await cluster.create('endpointslices', newSlice('plain-x', 'plain', 8080, [seen]));
  await until(() => topology.serviceAt(ip, 80) !== undefined, 'the plain Service');
  await until(() => topology.endpointAt(seen.ip, 8080) !== undefined, 'its endpoint');
  assert.equal(topology.serviceAt(foreignIp, 80), undefined);
  for (const each of [hidden, later]) assert.equal(topology.endpointAt(each.ip, 8080), undefined);

  const isThere = () => [...services()].some(({ name }) => name === 'plain');
  assert.equal(isThere(), true);
  await cluster.patch('services', 'plain', { metadata: { labels: foreign } });
  await until(() => !isThere(), 'the Service another proxy took over, gone');
});

test('an audit reads all names once', async () => {
  const { cluster } = live();
  const ip = clusterIpOf(await cluster.create('services', newService('audited')));
  const { kubeconfig, nodeName } = cluster;
  const source = await loadTopology({ topology: { kind: 'kubernetes' }, kubeconfig, nodeName });
  const read = () => readTopology(source, systemClock(), new AbortController().signal);
  let topology = await read();
  // A server tells what its cache has, which may be from before.
  for (let tries = 1; tries < 20 && !topology.serviceAt(ip, 80); tries++) topology = await read();
  assert.equal(topology.serviceAt(ip, 80)?.name, 'audited');
});
