/** Ways to a Service that are translated twice, or kept apart: protected as well. And a client that nobody here can see. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Peer, startPeer } from '../../src/lab/peer.ts';
import { type Agent, type Cluster, createClusters, sendOnAll, skip } from '../support/cluster.ts';
import { listEntries, untilEntries } from '../support/entries.ts';
import { topologyOf } from '../support/topology-file.ts';
import { putIntoZone } from '../support/zones.ts';

const ESTABLISHED_SECONDS = 3;
const COUNT = 5;

/** From a pod, from pods in zones, from the node itself, and from a server to itself. */
async function connectAllWays({ lab, client, node, target }: Cluster): Promise<readonly Peer[]> {
  const [, both, original] = lab.clients;
  const [hairpin, ...zoned] = await Promise.all([lab.servers[0]!, both!, original!].map(startPeer));
  await putIntoZone(lab, both!, 7);
  await putIntoZone(lab, original!, 8, 'original');
  await lab.setBackends([lab.servers[0]!]);
  await hairpin!.connect({ ...target, count: COUNT });
  await lab.setBackends(lab.servers);
  await Promise.all([client, node, ...zoned].map((peer) => peer.connect({ ...target, count: COUNT })));
  // So that these are what they are meant to be: addresses of IPv6 are written another way.
  const entries = await listEntries(lab);
  const with_ = (pattern: RegExp) => entries.filter(({ text }) => pattern.test(text)).length;
  assert.deepEqual([with_(/ zone=7 /), with_(/ zone-orig=8 /)], [COUNT, COUNT]);
  const masqueraded = entries.filter(({ text }) => text.includes(` dst=${lab.node.address} `));
  const ways = new Set(masqueraded.map(({ src }) => src));
  assert.deepEqual(ways, new Set([lab.node.address, lab.servers[0]!.address]));
  return [client, node, hairpin!, ...zoned];
}

const start = ({ lab, startAgent }: Cluster, t: TestContext, ...more: readonly string[]): Promise<Agent> =>
  startAgent(['--topology', topologyOf(t, lab), '--protect', 'renew', ...more]);

async function allLive(
  t: TestContext,
  name: string,
  cluster: Cluster,
  connect: () => Promise<readonly Peer[]>,
) {
  const agent = await start(cluster, t);
  const peers = await connect();
  const all = peers.length * COUNT;
  const endsAtMs = performance.now() + 2 * ESTABLISHED_SECONDS * 1000;
  const kept = await agent.until(
    (s) => performance.now() > endsAtMs && s.sum('renewals_total', { result: 'renewed' }) >= 3 * all,
    `${name}: kept for twice their time`,
  );
  assert.equal(kept.sum('protected_connections'), all, name);
  for (const peer of peers) assert.equal((await sendOnAll(peer)).answered, COUNT, name);
  const after = await agent.samples();
  for (const metric of ['broken_connections_total', 'lost_entries_total', 'renewals_skipped_total']) {
    assert.equal(after.sum(metric), 0, `${name}: ${after.text()}`);
  }
  assert.equal(after.sum('renewals_total', { result: 'failed' }), 0, name);
}

/** A client on another machine: whether it lives cannot be seen, so its entries expire, and that is said. */
async function strangersAreLeft(t: TestContext, cluster: Cluster): Promise<void> {
  const { lab, client, target } = cluster;
  const outside = await startPeer(lab.outside);
  const agent = await start(cluster, t, '--proc', procOf(t, [client.pid]));
  await Promise.all([outside, client].map((peer) => peer.connect({ ...target, count: COUNT })));
  await untilEntries(lab, (all) => all.every(({ src }) => src !== lab.outside.address), 'expired');
  const samples = await agent.until((s) => s.sum('service_connections') === COUNT, 'only the others');
  assert.equal(samples.sum('protected_connections'), COUNT);
  assert.equal(samples.sum('renewals_skipped_total', { reason: 'client_unseen' }), COUNT);
  const line = await agent.waitFor(({ event }) => event === 'protection_impossible');
  assert.match(
    line.msg,
    new RegExp(`^${COUNT} connections are not protected, as the sockets .*: from outside of this node`),
  );
  assert.equal((await sendOnAll(client)).answered, COUNT);
}

/** A /proc with these processes only: those of another machine are not in it. */
function procOf(t: TestContext, pids: readonly number[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'cw-proc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ['sys', 'net', ...pids.map(String)]) symlinkSync(`/proc/${name}`, join(folder, name));
  return folder;
}

test('from pods, from the node, masqueraded, in zones, by IPv4 and IPv6: all live; of a client elsewhere nobody can say', {
  skip,
}, async (t) => {
  const timeouts = { established: ESTABLISHED_SECONDS };
  const [v4, v6, masqueraded, elsewhere] = (await createClusters(t, [
    { family: 4, rules: 'iptables', clients: 3, timeouts },
    { family: 6, rules: 'nftables', clients: 3, timeouts },
    { masquerade: 'all', rules: 'nftables', backends: 1, timeouts },
    { backends: 2, timeouts },
  ])) as [Cluster, Cluster, Cluster, Cluster];
  await Promise.all([
    allLive(t, 'IPv4', v4, () => connectAllWays(v4)),
    allLive(t, 'IPv6', v6, () => connectAllWays(v6)),
    allLive(t, 'masqueraded', masqueraded, async () => {
      const { client, target } = masqueraded;
      await client.connect({ ...target, count: COUNT });
      return [client];
    }),
    strangersAreLeft(t, elsewhere),
  ]);
});
