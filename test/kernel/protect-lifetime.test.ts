/** The agent stops, dies, and comes back: what becomes of the entries it kept. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { exec, sysctl } from '../../src/lab/namespace.ts';
import {
  type Agent,
  type Cluster,
  createCluster,
  createClusters,
  sendOnAll,
  skip,
} from '../support/cluster.ts';
import { listEntries, untilEntries } from '../support/entries.ts';
import { topologyOf } from '../support/topology-file.ts';

const ESTABLISHED_SECONDS = 4;
const COUNT = 8;
/** Whole seconds are listed, and a test on a busy machine notices late. */
const LATE_SECONDS = 2;

const start = ({ lab, startAgent }: Cluster, t: TestContext): Promise<Agent> =>
  startAgent(['--topology', topologyOf(t, lab), '--protect', 'renew']);

/** Opened, and renewed for longer than their own time would last. */
async function keep(cluster: Cluster, agent: Agent): Promise<void> {
  await cluster.client.connect({ ...cluster.target, count: COUNT });
  const endsAtMs = performance.now() + ESTABLISHED_SECONDS * 1000;
  await agent.until(
    (s) => performance.now() > endsAtMs && s.sum('renewals_total', { result: 'renewed' }) >= 2 * COUNT,
    'kept beyond their time',
  );
}

async function assertNoSocket({ lab }: Cluster): Promise<void> {
  const sockets = await exec(lab.node, 'cat', ['/proc/net/netlink']);
  const open = sockets.split('\n').filter((row) => /^\S+\s+12\s+[1-9]/.test(row));
  assert.deepEqual(open, []);
}

/** What is left is what the kernel would have had: entries that end by the time they have. */
async function endsByItself(t: TestContext, cluster: Cluster, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const agent = await start(cluster, t);
  await keep(cluster, agent);
  assert.equal(await agent.stop(signal), signal === 'SIGTERM' ? 0 : null);
  assert.equal(agent.stderr(), '');
  await assertNoSocket(cluster);
  const left = await listEntries(cluster.lab);
  assert.deepEqual(
    left.map(({ state }) => state),
    new Array(COUNT).fill('ESTABLISHED'),
    signal,
  );
  for (const entry of left) assert.ok(entry.left <= ESTABLISHED_SECONDS, entry.text);
  const took = await untilEntries(cluster.lab, (entries) => entries.length === 0, 'empty');
  assert.ok(took <= ESTABLISHED_SECONDS + LATE_SECONDS, `${signal}: ${took} s`);
  // And no sooner than by the time that the last renewal gave it.
  assert.ok(took >= Math.min(...left.map((entry) => entry.left)) - 0.1, `${signal}: ${took} s`);
}

/** The next one takes over what it finds. */
async function goesOn(t: TestContext, cluster: Cluster): Promise<void> {
  const first = await start(cluster, t);
  await keep(cluster, first);
  await first.stop('SIGKILL');
  const second = await start(cluster, t);
  const endsAtMs = performance.now() + ESTABLISHED_SECONDS * 1000;
  const samples = await second.until(
    (s) => performance.now() > endsAtMs && s.sum('renewals_total', { result: 'renewed' }) >= 2 * COUNT,
    'kept by the next',
  );
  assert.equal(samples.sum('protected_connections'), COUNT);
  assert.equal((await sendOnAll(cluster.client)).answered, COUNT);
  const after = await second.samples();
  for (const metric of ['broken_connections_total', 'lost_entries_total', 'pickups_total']) {
    assert.equal(after.sum(metric), 0, metric);
  }
}

test('stopped or killed, the agent leaves nothing behind, and entries end by their last timeout; started again, it goes on', {
  skip,
}, async (t) => {
  const options = { timeouts: { established: ESTABLISHED_SECONDS } };
  const [stopped, killed, restarted] = await createClusters(t, [options, options, options]);
  await Promise.all([
    endsByItself(t, stopped!, 'SIGTERM'),
    endsByItself(t, killed!, 'SIGKILL'),
    goesOn(t, restarted!),
  ]);
});

test('a timeout that is made shorter is taken up before the next snapshot would have been', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t, { backends: 1, timeouts: { established: 86_400 } });
  const { lab } = cluster;
  const options = ['--topology', topologyOf(t, lab), '--protect', 'renew', '--snapshot-interval', '1h'];
  const agent = await cluster.startAgent([...options, '--status-listen', '127.0.0.1:9470']);
  await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_timeout_established', 8);
  const line = await agent.waitFor(({ event }) => event === 'snapshot_interval', 20_000);
  assert.equal(line['interval_seconds'], 1);
  const { body } = await cluster.node.httpGet({ url: 'http://127.0.0.1:9470/api/v1/health' });
  assert.equal((JSON.parse(body) as { snapshot_interval_seconds: number }).snapshot_interval_seconds, 1);
  await agent.until((s) => s.sum('snapshots_total') >= 3, 'read at that interval', 5_000);
});
