/** The way to the API server breaks: to a real one with TEST_KUBECONFIG, else to our stand-in. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DEFAULT_TIMING } from '../../src/enrich/follow-timing.ts';
import type { ClusterProblem } from '../../src/enrich/problems.ts';
import { ConnectProxy } from '../support/connect-proxy.ts';
import { type Live, type LiveWatch, useCluster } from './live.ts';
import { newService } from './live-objects.ts';

const live = useCluster();

interface Detour {
  readonly proxy: ConnectProxy;
  readonly watch: LiveWatch;
}

/** Watches by a way that can be cut; undefined if the test is left out, which is said. */
async function watchByDetour(t: TestContext, { cluster, watchSynced }: Live): Promise<Detour | undefined> {
  const { proxyUrl } = cluster.config.getCurrentCluster()!;
  if (proxyUrl) {
    t.skip('the kubeconfig leads over a proxy');
    return undefined;
  }
  const proxy = new ConnectProxy();
  await proxy.start();
  t.after(() => proxy.stop());
  const kubeconfig = cluster.kubeconfigFor(cluster.user, { 'proxy-url': proxy.url });
  return { proxy, watch: await watchSynced(t, { kubeconfig }) };
}

test('watches that break are taken up where they were', async (t) => {
  const { cluster, ...rest } = live();
  const detour = await watchByDetour(t, { cluster, ...rest });
  if (!detour) return;
  const { proxy, watch } = detour;
  for (const name of ['first', 'second']) {
    const before = watch.errors().services;
    await watch.until(() => {
      proxy.breakAll();
      return watch.errors().services > before;
    }, 'a break that is noticed');
    const { spec } = await cluster.create('services', newService(name));
    const isKnown = () => watch.topology.serviceAt(String(spec!['clusterIP']), 80)?.name === name;
    await watch.until(isKnown, `the ${name} Service`);
  }
});

test('a server that is away for a while: names stay, and what happened meanwhile is made up for', async (t) => {
  const { cluster, ...rest } = live();
  const detour = await watchByDetour(t, { cluster, ...rest });
  if (!detour) return;
  const { proxy, watch } = detour;
  const ipOf = async (name: string) => {
    const { spec } = await cluster.create('services', newService(name));
    return String(spec!['clusterIP']);
  };
  const hasService = (wanted: string) =>
    [...watch.services()].some(({ namespace, name }) => namespace === cluster.namespace && name === wanted);
  const before = await ipOf('before');
  await watch.until(() => hasService('before'), 'the Service');

  await proxy.stop();
  watch.skipMs(DEFAULT_TIMING.staleMs);
  await watch.until(() => Object.values(watch.synced()).every((isSynced) => !isSynced), 'stale');
  const isRefused = ({ reason }: ClusterProblem) => reason.includes('ECONNREFUSED');
  const refused = () => new Set(watch.problems.filter(isRefused).map(({ resource }) => resource));
  await watch.until(() => refused().size === 3, 'said');
  assert.equal(watch.topology.serviceAt(before, 80)?.name, 'before');
  const during = await ipOf('during');
  await cluster.remove('services', 'before');

  await proxy.start();
  await watch.until(() => watch.topology.serviceAt(during, 80)?.name === 'during', 'the new Service');
  await watch.until(() => !hasService('before'), 'the old Service gone');
  await watch.until(() => Object.values(watch.synced()).every(Boolean), 'synced');
});
