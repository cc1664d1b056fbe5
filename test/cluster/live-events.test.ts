/** Events as a server takes them: a real one with TEST_KUBECONFIG, else our stand-in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameFinding } from '../../src/enrich/name.ts';
import type { NamedPickup } from '../../src/model/named-finding.ts';
import { createKubernetesEvents } from '../../src/report/kubernetes-events.ts';
import { createLog } from '../../src/report/log.ts';
import { pickup } from '../unit/report/samples.ts';
import { useCluster } from './live.ts';
import { newPod, newService, POD_ACCOUNT, runningAt } from './live-objects.ts';

const live = useCluster((cluster) => cluster.create('serviceaccounts', POD_ACCOUNT));

test('a break of a pod is taken as an Event, and further ones as its series', async (t) => {
  const { cluster, watchSynced } = live();
  const { nodeName } = cluster;
  const { topology, send, until } = await watchSynced(t);
  const ip = cluster.freeIp();
  const { spec } = await cluster.create('services', newService('web'));
  await cluster.create('pods', newPod('checkout', nodeName));
  await cluster.patch('pods', 'checkout', runningAt(ip, cluster.freeIp()), 'status');
  const dst = String(spec!['clusterIP']);
  await until(() => topology.podAt(ip) !== undefined, 'the pod');
  await until(() => topology.serviceAt(dst, 80) !== undefined, 'the Service');

  const lines: string[] = [];
  const events = createKubernetesEvents({
    send,
    nowMs: () => performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    node: nodeName,
    log: createLog({ level: 'info', node: nodeName, destination: { write: (line) => lines.push(line) } }),
    note: ({ client }) => `The connection of ${client.pod} broke.`,
  });
  const breakOne = () => {
    const { connection, ...rest } = pickup();
    const finding = { ...rest, connection: { ...connection, src: ip, dst, dport: 80 } };
    events.add(nameFinding(topology, finding, nodeName) as NamedPickup);
  };
  breakOne();
  await until(() => events.counts().created + lines.length > 0, 'taken');
  breakOne();
  breakOne();
  await events.stop();
  assert.deepEqual([events.counts(), lines], [{ created: 1, updated: 1, failed: 0, held_back: 0 }, []]);
});
