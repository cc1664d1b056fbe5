/** Connections that are used, opened and closed while entries are renewed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sysctl } from '../../src/lab/namespace.ts';
import { type Peer, startPeer } from '../../src/lab/peer.ts';
import { createCluster, sendOnAll, skip } from '../support/cluster.ts';
import { listEntries } from '../support/entries.ts';
import { topologyOf } from '../support/topology-file.ts';

const TIMEOUT = 'net.netfilter.nf_conntrack_tcp_timeout_established';
const SHORT_SECONDS = 5;
const LONG_SECONDS = 86_400;
/** Of entries of closed connections, TIME_WAIT's is the longest. */
const CLOSED_SECONDS = 120;
const COUNT = 50;
const LOOKS = 4;

test('closed, reset or used while they are renewed: no closed connection gets the time of an open one, and the others live', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t, {
    backends: 2,
    clients: 3,
    timeouts: { established: SHORT_SECONDS },
  });
  const { lab, client, target } = cluster;
  const topology = topologyOf(t, lab);
  const agent = await cluster.startAgent([
    '--topology',
    topology,
    '--protect',
    'renew',
    '--snapshot-interval',
    '1s',
  ]);
  const talker = await startPeer(lab.clients[0]!);
  const closers = await Promise.all(
    lab.clients.slice(1).flatMap((host) => [startPeer(host), startPeer(host)]),
  );
  await Promise.all([client, talker].map((peer) => peer.connect({ ...target, count: COUNT })));

  const closeSometime = async (peer: Peer, which: number) => {
    // At any moment of the agent's round.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1200));
    await (which % 2 ? peer.abort() : peer.closeAll());
  };
  const renewals = async () => (await agent.samples()).sum('renewals_total', { result: 'renewed' });
  for (let look = 0; look < LOOKS; look++) {
    // What is opened now is due at once, and renewed by the long timeout, which would show for a day.
    await sysctl(lab.node, TIMEOUT, SHORT_SECONDS);
    await Promise.all(closers.map((peer) => peer.connect({ ...target, count: COUNT })));
    await talker.send();
    await sysctl(lab.node, TIMEOUT, LONG_SECONDS);
    await Promise.all(closers.map(closeSometime));
    const wrong = (await listEntries(lab)).filter(
      ({ state, left }) => state !== 'ESTABLISHED' && left > CLOSED_SECONDS,
    );
    assert.deepEqual(wrong, [], `look ${look}`);
  }
  assert.ok((await renewals()) > LOOKS * COUNT);
  const kept = await agent.until((s) => s.sum('service_connections') === 2 * COUNT, 'only those that stay');
  assert.equal(kept.sum('protected_connections'), 2 * COUNT);
  for (const peer of [client, talker]) assert.equal((await sendOnAll(peer)).answered, COUNT);
  const after = await agent.samples();
  for (const metric of ['broken_connections_total', 'pickups_total', 'lost_entries_total']) {
    assert.equal(after.sum(metric), 0, `${metric}: ${after.text()}`);
  }
  assert.equal(after.sum('renewals_total', { result: 'failed' }), 0);
});
