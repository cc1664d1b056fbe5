/** What events cannot tell, and snapshots of the table can; against what the sockets saw. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { demoTopology } from '../../src/commands/demo/topology.ts';
import { sweepGone, takeSnapshot } from '../../src/commands/table/take-snapshot.ts';
import { createFlowStore } from '../../src/commands/table/watch-table.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { type LogLine, NODE_OPTIONS, PROGRAM } from '../../src/lab/agent-process.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { exec, sysctl } from '../../src/lab/namespace.ts';
import { DEFAULT_TIMEOUTS } from '../../src/lib/tcp-timeouts.ts';
import { type Cluster, createCluster, KINDS, sendOnAll, skip } from '../support/cluster.ts';
import { stayInNamespace } from '../support/in-namespace.ts';
import type { Samples } from '../support/samples.ts';

const EVENTS = 'net.netfilter.nf_conntrack_events';

/** Connections whose entries send no event, whoever else listens on this machine. */
async function connectBlind({ lab, client, target }: Cluster, count: number): Promise<void> {
  await sysctl(lab.node, EVENTS, 0);
  await client.connect({ ...target, count });
  await sysctl(lab.node, EVENTS, 2);
}

const brokenLines = (lines: readonly LogLine[]) => lines.filter(({ event }) => event === 'connection_broken');
const backendOf = (line: LogLine, which: 'old_backend' | 'new_backend') =>
  (line[which] as { ip: string } | undefined)?.ip;

for (const kind of KINDS) {
  test(`connections older than the agent, flushed: every break is found with both backends (${kind.name})`, {
    skip,
  }, async (t) => {
    const cluster = await createCluster(t, kind);
    const { lab, client } = cluster;
    const count = 60;
    await connectBlind(cluster, count);
    const agent = await cluster.startAgent(['--confirm-window', '500ms']);
    const before = await agent.samples();
    assert.equal(before.sum('blind_entries'), count);
    assert.equal(before.sum('snapshot_flows'), count);
    assert.equal(before.sum('service_connections'), count);
    await lab.flush();
    const seen = await sendOnAll(client);
    assert.equal(seen.reset + seen.answered, count);
    assert.ok(seen.reset > 0);
    const after = await agent.until(
      (s) => s.sum('pickups_total') === count && s.sum('broken_connections_total') === seen.reset,
      'as many broken as clients saw a reset',
    );
    assert.equal(
      after.sum('events_total', { type: 'destroy' }),
      seen.reset,
      'no DESTROY but those of resets',
    );
    assert.equal(after.sum('broken_connections_total', { cause: 'deleted' }), seen.reset);
    assert.equal(after.sum('pickups_total', { mapping: 'backend_changed', verdict: 'reset' }), seen.reset);
    assert.equal(after.sum('lost_entries_total', { cause: 'deleted' }), count);
    const servers = new Set(lab.servers.map(({ ip }) => ip));
    const lines = brokenLines(agent.lines);
    assert.ok(lines.length > 0);
    for (const line of lines) {
      const [old, next] = [backendOf(line, 'old_backend')!, backendOf(line, 'new_backend')!];
      assert.ok(servers.has(old) && servers.has(next) && old !== next, JSON.stringify(line));
    }
  });
}

test('a receive buffer that a flush overflows: counted, read anew, and the breaks after it have their old backends', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t);
  const { lab, client, target } = cluster;
  const count = 3000;
  const agent = await cluster.startAgent(['--receive-buffer', '8Ki', '--snapshot-interval', '1s']);
  await client.connect({ ...target, count });
  await agent.until((s) => s.sum('snapshot_flows') === count, 'all connections in a snapshot');
  assert.equal((await agent.samples()).sum('blind_entries'), 0);
  await lab.flush();
  const lossy = await agent.until(
    (s) => s.sum('events_lost_total') > 0 && s.sum('resyncs_total', { reason: 'events_lost' }) > 0,
    'events lost, and the table read anew',
  );
  assert.ok(lossy.sum('events_lost_total') < count + 100);
  // Their sockets are open and their entries gone: losses, told by the snapshot.
  await agent.until((s) => s.sum('lost_entries_total') === count, 'every loss known');
  // Few at a time: the answers must not overflow the buffer again.
  let [reset, answered] = [0, 0];
  const connections = await client.connections();
  for (let i = 0; i < connections.length; i += 20) {
    await client.send({ ports: connections.slice(i, i + 20).map(({ localPort }) => localPort) });
    const seen = await client.settle({ timeoutMs: 10_000 });
    reset += seen.reset;
    answered += seen.answered;
  }
  assert.ok(reset > 0 && answered > 0);
  await agent.until((s) => s.sum('broken_connections_total') > 0, 'something broken');
  const after = await agent.samples();
  assert.equal(after.sum('pickups_total', { mapping: 'unknown' }), 0, 'every old backend is known');
  assert.ok(reset - after.sum('broken_connections_total') <= after.sum('events_lost_total'));
});

test('killed between loss and re-pick, and started again: the break is found', { skip }, async (t) => {
  const cluster = await createCluster(t);
  const { lab, client, target } = cluster;
  const first = await cluster.startAgent();
  await client.connect({ ...target, count: 20 });
  await lab.flush();
  await first.until((s) => s.sum('lost_entries_total') === 20, 'the loss');
  assert.equal(await first.stop('SIGKILL'), null);
  const agent = await cluster.startAgent();
  const seen = await sendOnAll(client);
  assert.ok(seen.reset > 0);
  await agent.until(
    (s) => s.sum('broken_connections_total', { cause: 'unseen' }) === seen.reset,
    'the breaks',
  );
});

test('exactly the connection without keepalive is at risk; below the keepalive time the other one is too slow', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t);
  const { lab, client, target } = cluster;
  await client.connect({ ...target, count: 1, keepaliveSeconds: 60 });
  await client.connect({ ...target, count: 1 });
  const agent = await cluster.startAgent(['--snapshot-interval', '1s']);
  const risk = await agent.samples();
  assert.equal(risk.sum('service_connections'), 2);
  assert.equal(risk.sum('connections_at_risk'), 1, risk.text());
  assert.equal(risk.sum('connections_at_risk', { reason: 'no_keepalive' }), 1);
  const expiry = risk.sum('next_expiry_seconds');
  assert.ok(expiry > 431_900 && expiry <= 432_001, String(expiry));

  await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_timeout_established', 50);
  await client.send();
  await client.settle({ timeoutMs: 5000 });
  const now = await agent.until((s) => s.sum('connections_at_risk') === 2, 'both at risk');
  assert.equal(now.sum('connections_at_risk', { reason: 'slow_keepalive' }), 1);
  assert.equal(now.sum('connections_at_risk', { reason: 'no_keepalive' }), 1);
  assert.ok(now.sum('next_expiry_seconds') <= 51);

  // The command tells the same two apart.
  const audit = JSON.parse(
    await exec(lab.node, process.execPath, [...NODE_OPTIONS, PROGRAM, 'audit', '--json']),
  );
  const reasons = audit.connections
    .map((c: { reason: string; client: { port: number } }) => c.reason)
    .toSorted();
  assert.deepEqual(reasons, ['no_keepalive', 'slow_keepalive']);
  assert.equal(audit.connections_at_risk, 2);
  // Closed connections are at no risk.
  await client.closeAll();
  await agent.until((s) => s.sum('connections_at_risk') === 0 && s.sum('service_connections') === 0, 'none');
});

test('a server whose keepalive comes in time protects its clients', { skip }, async (t) => {
  const cluster = await createCluster(t, { backends: 1 });
  const { lab, client, target, servers } = cluster;
  const { ip, port } = lab.servers[0]!;
  await servers[0]!.listen({ host: ip, port: port + 1, keepaliveSeconds: 30 });
  await client.connect({ ...target, count: 2 });
  await lab.setBackends([{ ip, port: port + 1 }]);
  await client.connect({ ...target, count: 3 });
  const agent = await cluster.startAgent();
  const samples = await agent.samples();
  assert.equal(samples.sum('service_connections'), 5);
  assert.equal(samples.sum('connections_at_risk', { reason: 'no_keepalive' }), 2, samples.text());
});

test('where a new pick must give the same backend nothing is at risk', { skip }, async (t) => {
  const cluster = await createCluster(t, { backends: 2 });
  const { lab, client, target } = cluster;
  const folder = mkdtempSync(join(tmpdir(), 'snapshot-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'cluster.json');
  const atRisk = async (
    lab: Pick<Lab, 'family' | 'service' | 'node' | 'clients' | 'servers'>,
    affinity = {},
  ) => {
    const topology = demoTopology(lab as Lab) as { items: { kind: string; spec: object }[] };
    Object.assign(topology.items[0]!.spec, affinity);
    writeFileSync(file, JSON.stringify(topology));
    const agent = await cluster.startAgent(['--topology', `file:${file}`]);
    const samples = await agent.samples();
    await agent.stop();
    assert.equal(samples.sum('service_connections', { service_name: 'redis' }), 6);
    return samples.sum('connections_at_risk', { client_workload: 'Deployment/checkout' });
  };
  await lab.setBackends([lab.servers[0]!]);
  await client.connect({ ...target, count: 6 });
  assert.equal(await atRisk({ ...lab, servers: [lab.servers[0]!] }), 0, 'one endpoint');
  assert.equal(await atRisk(lab), 6, 'two endpoints');
  assert.equal(await atRisk({ ...lab, servers: [lab.servers[1]!] }), 6, 'another endpoint');
  const affinity = (timeoutSeconds: number) => ({
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds } },
  });
  assert.equal(await atRisk(lab, affinity(86_400)), 6, 'affinity that ends before the entry does');
  await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_timeout_established', 600);
  await sendOnAll(client);
  assert.equal(await atRisk(lab, affinity(10_800)), 0, 'affinity that outlives the entry');
});

test('with one endpoint and masquerade a new pick is another source: at risk', { skip }, async (t) => {
  const cluster = await createCluster(t, { backends: 1, masquerade: 'all' });
  const { lab, client, target } = cluster;
  const folder = mkdtempSync(join(tmpdir(), 'snapshot-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'cluster.json');
  writeFileSync(file, JSON.stringify(demoTopology(lab)));
  await client.connect({ ...target, count: 4 });
  const agent = await cluster.startAgent(['--topology', `file:${file}`]);
  assert.equal((await agent.samples()).sum('connections_at_risk', { service_name: 'redis' }), 4);
});

test('in a container of its own the host’s sockets are seen through --proc, and else the reason is unknown', {
  skip,
}, async (t) => {
  const { lab, client, target } = await createCluster(t);
  await client.connect({ ...target, count: 2 });
  const folder = mkdtempSync(join(tmpdir(), 'snapshot-test-proc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // The mount is gone with the shell: `ip netns exec` gives it a mount namespace of its own.
  const inContainer = async (proc: string) => {
    const audit = [process.execPath, ...NODE_OPTIONS, PROGRAM, 'audit', '--json', '--proc', proc].join(' ');
    const script = `mount --bind /proc ${folder} && exec unshare --pid --fork --mount-proc ${audit}`;
    return JSON.parse(await exec(lab.node, 'sh', ['-c', script]));
  };
  const reasons = (audit: { connections: { reason: string }[] }) =>
    audit.connections.map(({ reason }) => reason);
  assert.deepEqual(reasons(await inContainer(folder)), ['no_keepalive', 'no_keepalive']);
  assert.deepEqual(reasons(await inContainer('/proc')), ['unknown', 'unknown']);
});

test('idle time of an expired entry is exact although the established timeout is long', {
  skip,
}, async (t) => {
  // Above nf_conntrack_tcp_timeout_unacknowledged, which is lowered so that the test need not wait 300 s.
  const cluster = await createCluster(t, { timeouts: { established: 6 } });
  const { lab, client, target } = cluster;
  await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_timeout_unacknowledged', 2);
  await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_timeout_max_retrans', 2);
  const agent = await cluster.startAgent(['--snapshot-interval', '1s']);
  await client.connect({ ...target, count: 12 });
  const connectedAt = performance.now();
  await agent.until((s) => s.sum('snapshot_flows') === 12, 'them in a snapshot');
  await waitUntil(async () => !(await lab.conntrackList()).includes('ESTABLISHED'), 15_000);
  const idle = (performance.now() - connectedAt) / 1000;
  const seen = await sendOnAll(client);
  assert.ok(seen.reset > 0);
  const line = await agent.waitFor(({ event }) => event === 'connection_broken');
  assert.equal(line['cause'], 'timeout');
  const told = Number(line['idle_seconds']);
  assert.ok(Math.abs(told - idle) < 2, `told ${told}, was ${idle}`);
});

test('connections older than the agent that run out of time: cause timeout, although no event tells', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t, { timeouts: { established: 4 } });
  const { lab, client } = cluster;
  await connectBlind(cluster, 30);
  const agent = await cluster.startAgent();
  assert.equal((await agent.samples()).sum('snapshot_flows'), 30);
  await waitUntil(async () => !(await lab.conntrackList()).includes('ESTABLISHED'), 15_000);
  const seen = await sendOnAll(client);
  assert.ok(seen.reset > 0);
  const samples = await agent.until(
    (s) => s.sum('broken_connections_total', { cause: 'timeout' }) === seen.reset,
    'as many by timeout as clients saw a reset',
  );
  assert.equal(samples.sum('pickups_total', { mapping: 'unknown' }), 0);
});

test('connections that close in order and are opened again from the same ports are no losses', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t);
  const { client, target } = cluster;
  const agent = await cluster.startAgent(['--snapshot-interval', '1s']);
  // Few ports, so that a port is soon used again, closed by RST, which leaves nothing behind.
  await exec(cluster.lab.clients[0]!, 'sysctl', ['-qw', 'net.ipv4.ip_local_port_range=20000 20200']);
  const enough = (s: Samples) => s.sum('snapshots_total', { result: 'complete' }) >= 5;
  while (!enough(await agent.samples())) {
    await client.connect({ ...target, count: 80 });
    await client.abort();
  }
  const samples = await agent.samples();
  assert.equal(samples.sum('lost_entries_total'), 0, samples.text());
  assert.equal(samples.sum('pickups_total'), 0);
});

test('settings, statistics and limits of the kernel are shown', { skip }, async (t) => {
  const cluster = await createCluster(t);
  const agent = await cluster.startAgent();
  const samples = await agent.samples();
  for (const name of ['events', 'tcp_loose', 'tcp_be_liberal', 'max', 'tcp_timeout_established']) {
    const value = Number(
      await exec(cluster.lab.node, 'cat', [`/proc/sys/net/netfilter/nf_conntrack_${name}`]),
    );
    assert.equal(samples.sum('kernel_setting', { name: `nf_conntrack_${name}` }), value, name);
  }
  assert.ok(samples.sum('table_limit') > 0);
  // A packet in the middle of nothing is invalid without tcp_loose.
  await sysctl(cluster.lab.node, 'net.netfilter.nf_conntrack_tcp_loose', 0);
  await cluster.client.connect({ ...cluster.target, count: 5 });
  await cluster.lab.flush();
  await cluster.client.send();
  const counted = await agent.until(
    (s) => s.sum('kernel_stat_total', { stat: 'invalid' }) > 0,
    'invalid packets',
  );
  const listed = await exec(cluster.lab.node, 'conntrack', ['-S']);
  const sum = [...listed.matchAll(/ invalid=(\d+)/g)].reduce((all, [, n]) => all + Number(n), 0);
  assert.ok(sum >= counted.sum('kernel_stat_total', { stat: 'invalid' }));
});

async function waitUntil(holds: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, 'it never came true');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a dump that was interrupted adds, takes nothing away, and is made anew', { skip }, async (t) => {
  const cluster = await createCluster(t);
  const { lab, client, target } = cluster;
  await client.connect({ ...target, count: 400 });
  // What the agent is told of the table's buckets: a file that changes all the time.
  const proc = mkdtempSync(join(tmpdir(), 'snapshot-test-proc-'));
  t.after(() => rmSync(proc, { recursive: true }));
  const folder = join(proc, 'sys/net/netfilter');
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(proc, 'net'));
  const buckets = join(folder, 'nf_conntrack_buckets');
  let value = 0;
  const change = () => writeFileSync(buckets, String(++value));
  change();
  await stayInNamespace(lab.node, async () => {
    const clock = systemClock();
    const store = createFlowStore(new Map(), clock);
    const take = (onRead: () => void) =>
      takeSnapshot({
        store,
        clock: {
          ...clock,
          monotonicMs: () => {
            onRead();
            return clock.monotonicMs();
          },
        },
        procPath: proc,
        timeouts: DEFAULT_TIMEOUTS,
        unheard: true,
        onMalformed: (reason) => assert.fail(reason),
        stop: new AbortController().signal,
      });
    const resized = await take(change);
    assert.equal(resized.read.result, 'interrupted');
    assert.equal(resized.interrupted, 3);
    assert.equal(store.size, 400);
    await exec(lab.node, 'conntrack', ['-D', '-p', 'tcp', '--orig-src', lab.clients[0]!.address]);
    const again = await take(change);
    assert.equal(again.read.result, 'interrupted');
    assert.equal(store.size, 400, 'gone is only what a complete dump does not have');
    const complete = await take(() => {});
    assert.equal(complete.read.result, 'complete');
    const context = { nowMs: clock.monotonicMs(), eventsLostAtMs: 0, sockets: complete.sockets };
    const suspects = await sweepGone(store, context, clock, new AbortController().signal);
    assert.equal(store.size, 0);
    assert.equal(store.remembered, 400);
    assert.deepEqual(suspects, [], 'no proof: this /proc shows no sockets');
  });
});
