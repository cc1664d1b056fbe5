/** Whose entries are not kept: those of clients that are gone, and of connections that one end has closed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../../src/lab/lab.ts';
import { exec } from '../../src/lab/namespace.ts';
import { type Peer, startPeer } from '../../src/lab/peer.ts';
import { createCluster, sendOnAll, skip } from '../support/cluster.ts';
import { listEntries, untilEntries } from '../support/entries.ts';
import { topologyOf } from '../support/topology-file.ts';

const ESTABLISHED_SECONDS = 3;
const CLOSE_WAIT_SECONDS = 4;
const COUNT = 5;
/** A round may be under way, and whole seconds are listed. */
const LATE_SECONDS = 2;

test('clients that died without a word, and half-closed connections: their entries end on time; a suspended client’s do not', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t, {
    ...{ clients: 6, timeouts: { established: ESTABLISHED_SECONDS, closeWait: CLOSE_WAIT_SECONDS } },
  });
  const { lab, servers, target } = cluster;
  // The cluster's own client, in the first one's namespace, is what the pause container is in a pod: it stays.
  const peers = await Promise.all(lab.clients.map(startPeer));
  const [killed, alone, aborted, suspended, closing, closed] = peers as [Peer, Peer, Peer, Peer, Peer, Peer];
  const hosts = lab.clients as readonly Host[] as readonly [Host, Host, Host, Host, Host, Host];
  const connect = async (backend: number, who: readonly Peer[]) => {
    await lab.setBackends([lab.servers[backend]!]);
    await Promise.all(who.map((peer) => peer.connect({ ...target, count: COUNT })));
  };
  await connect(0, [closing]);
  await connect(1, [closed]);
  await connect(2, [killed, alone, aborted, suspended]);
  const agent = await cluster.startAgent(['--topology', topologyOf(t, lab), '--protect', 'renew']);
  await agent.until(
    (s) => s.sum('renewals_total', { result: 'renewed' }) >= 2 * peers.length * COUNT,
    'all renewed',
  );
  const before = await agent.samples();
  assert.equal(before.sum('protected_connections'), peers.length * COUNT);
  assert.equal(before.sum('renewals_skipped_total'), 0);

  // Nothing leaves these pods any more: no FIN, no RST.
  await Promise.all(hosts.slice(0, 3).map((host) => exec(host, 'iptables', ['-I', 'OUTPUT', '-j', 'DROP'])));
  const endsWithin = async (host: Host, seconds: number) => {
    const isGone = (entries: Awaited<ReturnType<typeof listEntries>>) =>
      entries.every(({ src }) => src !== host.address);
    const took = await untilEntries(lab, isGone, `without entries of ${host.address}`);
    assert.ok(took <= seconds + LATE_SECONDS, `${took} s`);
    // Packets are retransmitted, and come to nothing.
    assert.ok(isGone(await listEntries(lab)));
  };
  process.kill(suspended.pid, 'SIGSTOP');
  await Promise.all([
    killed.stop().then(() => endsWithin(hosts[0], ESTABLISHED_SECONDS)),
    alone.stop().then(() => endsWithin(hosts[1], ESTABLISHED_SECONDS)),
    aborted.abort().then(() => endsWithin(hosts[2], ESTABLISHED_SECONDS)),
    // The server's program does not notice, so it does not close its end.
    Promise.resolve(process.kill(servers[0]!.pid, 'SIGSTOP'))
      .then(() => closing.endAll())
      .then(() => endsWithin(hosts[4], CLOSE_WAIT_SECONDS)),
    servers[1]!.endAll().then(() => endsWithin(hosts[5], CLOSE_WAIT_SECONDS)),
  ]);
  const left = await listEntries(lab);
  assert.deepEqual(
    left.map(({ src, state }) => `${src} ${state}`),
    new Array(COUNT).fill(`${hosts[3].address} ESTABLISHED`),
  );

  const samples = await agent.until(
    (s) => s.sum('service_connections') === COUNT,
    'only those of the suspended one',
  );
  assert.equal(samples.sum('protected_connections'), COUNT);
  const skipped = (reason: string) => samples.sum('renewals_skipped_total', { reason });
  // A namespace without a process is not to be found, so of the second nobody can say whether it lives.
  assert.deepEqual([skipped('client_gone'), skipped('client_unseen')], [2 * COUNT, COUNT], samples.text());
  assert.ok(skipped('half_closed') >= 2 * COUNT, samples.text());
  process.kill(suspended.pid, 'SIGCONT');
  assert.equal((await sendOnAll(suspended)).answered, COUNT);
  process.kill(servers[0]!.pid, 'SIGCONT');
});
