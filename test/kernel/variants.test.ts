/** Every variant of docs/detection.md that this kernel can produce, against what the sockets saw. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { exec, sysctl } from '../../src/lab/namespace.ts';
import { startPeer } from '../../src/lab/peer.ts';
import { type Agent, type Cluster, createCluster, sendOnAll, skip } from '../support/cluster.ts';

const FIVE = { answered: 5, reset: 0, closed: 0, silent: 0 };
const outcomes = ({ details: _, ...counts }: Awaited<ReturnType<typeof sendOnAll>>) => counts;

/** Five connections to the first of two backends; a re-pick goes to the second for sure. */
async function fiveOnTheFirst(cluster: Cluster, peer = cluster.client) {
  await cluster.lab.setBackends([cluster.lab.servers[0]!]);
  await peer.connect({ ...cluster.target, count: 5 });
  await cluster.lab.setBackends([cluster.lab.servers[1]!]);
}

const pickups = (count: number) => (s: Awaited<ReturnType<Agent['samples']>>) =>
  s.sum('pickups_total') >= count;

/** Ends with one break that must be found, so that "no finding" was not just early. */
async function settledWith(agent: Agent, cluster: Cluster) {
  const before = (await agent.samples()).sum('broken_connections_total');
  const witness = await startPeer(cluster.lab.clients[0]!);
  await cluster.lab.setBackends([cluster.lab.servers[0]!]);
  await witness.connect({ ...cluster.target, count: 1 });
  await cluster.lab.setBackends([cluster.lab.servers[1]!]);
  await exec(cluster.lab.node, 'conntrack', [
    '-D',
    '-p',
    'tcp',
    '--sport',
    String((await witness.connections())[0]!.localPort),
  ]);
  assert.equal((await sendOnAll(witness)).reset, 1);
  await agent.until((s) => s.sum('broken_connections_total') > before, 'the witness found');
  return { before, samples: await agent.samples() };
}

describe('variants', { skip }, () => {
  test('the log line tells the whole story of one break', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const agent = await cluster.startAgent();
    await cluster.lab.setBackends([cluster.lab.servers[0]!]);
    await cluster.client.connect({ ...cluster.target, count: 1 });
    await cluster.lab.setBackends([cluster.lab.servers[1]!]);
    await cluster.lab.flush();
    const { details } = await sendOnAll(cluster.client);
    const line = await agent.waitFor(({ event }) => event === 'connection_broken');
    const [client] = cluster.lab.clients;
    assert.deepEqual(
      {
        ...line,
        time: 0,
        msg: '',
        lost_at: 0,
        picked_up_at: 0,
        verdict_after_ms: 0,
        port_id: 0,
        evidence: 0,
        idle_seconds: 0,
      },
      {
        level: 'warn',
        time: 0,
        node: 'node-1',
        event: 'connection_broken',
        cause: 'deleted',
        outcome: 'reset',
        sender: 'client',
        mapping: 'backend_changed',
        client: { ip: client!.address, port: details[0]!.localPort },
        service: cluster.lab.service,
        old_backend: { ip: cluster.lab.servers[0]!.ip, port: 8080 },
        new_backend: { ip: cluster.lab.servers[1]!.ip, port: 8080 },
        lost_at: 0,
        picked_up_at: 0,
        verdict_after_ms: 0,
        port_id: 0,
        evidence: 0,
        idle_seconds: 0,
        msg: '',
      },
    );
    const evidence = line['evidence'] as Record<string, unknown>[];
    assert.deepEqual(
      evidence.map(({ type, state }) => [type, state]),
      [
        ['destroy', 'ESTABLISHED'],
        ['new', 'ESTABLISHED'],
        ['destroy', 'CLOSE'],
      ],
    );
    assert.ok(Number(line['port_id']) > 0 && Number(line['verdict_after_ms']) < 1000);
    assert.match(line.msg, /was reset: a program \(port id \d+\) deleted its conntrack entry/);
  });

  test('server speaks first: one broken connection, before and after the client sends', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const agent = await cluster.startAgent();
    await fiveOnTheFirst(cluster);
    await cluster.lab.flush();
    await cluster.servers[0]!.send({ text: 'news' });
    assert.equal((await cluster.servers[0]!.settle({ timeoutMs: 5000 })).reset, 5);
    await agent.until(
      (s) => s.sum('broken_connections_total', { sender: 'server' }) === 5,
      '5 broken by the server',
    );
    assert.equal(outcomes(await sendOnAll(cluster.client)).reset, 5);
    const samples = await agent.until(pickups(10), '10 pickups');
    assert.equal(samples.sum('broken_connections_total'), 5, samples.text());
    assert.equal(samples.sum('pickups_total', { mapping: 'none', verdict: 'reset' }), 5, samples.text());
  });

  test('server speaks first, then the client is re-picked to the old backend: reset all the same, counted once', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const agent = await cluster.startAgent();
    await cluster.client.connect({ ...cluster.target, count: 5 });
    await cluster.lab.flush();
    await cluster.servers[0]!.send({ text: 'news' });
    assert.equal((await cluster.servers[0]!.settle({ timeoutMs: 5000 })).reset, 5);
    assert.equal(outcomes(await sendOnAll(cluster.client)).reset, 5);
    const samples = await agent.until(pickups(10), '10 pickups');
    assert.equal(samples.sum('broken_connections_total'), 5, samples.text());
  });

  test('a lone packet that nobody answers is not stalled: its connection lives', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const { lab, client } = cluster;
    const agent = await cluster.startAgent();
    await client.connect({ ...cluster.target, count: 5 });
    // As a bare acknowledgement: it makes an entry, it is not answered, and it is not sent again.
    await lab.drop(lab.servers[0]!, 'server');
    await lab.flush();
    await client.send();
    await agent.until((s) => s.sum('flow_table_entries', { table: 'pending' }) === 5, '5 pending');
    const rules =
      'add table ip quiet; add chain ip quiet out { type filter hook output priority 0; policy drop; }';
    await exec(lab.clients[0]!, 'nft', [rules]);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal(
      (await agent.samples()).sum('pickups_total'),
      0,
      'a verdict on a packet that waits for no answer',
    );
    await lab.stopDropping();
    await exec(lab.clients[0]!, 'nft', ['delete', 'table', 'ip', 'quiet']);
    assert.deepEqual(outcomes(await client.settle({ timeoutMs: 20_000 })), FIVE);
    const samples = await agent.until(pickups(5), '5 pickups', 20_000);
    assert.equal(samples.sum('pickups_total', { verdict: 'survived', mapping: 'same' }), 5, samples.text());
  });

  test('same mapping: all survive, none broken', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const agent = await cluster.startAgent(['--confirm-window', '300ms']);
    await cluster.client.connect({ ...cluster.target, count: 5 });
    await cluster.lab.flush();
    assert.deepEqual(outcomes(await sendOnAll(cluster.client)), FIVE);
    const samples = await agent.until(pickups(5), '5 pickups');
    assert.equal(samples.sum('pickups_total', { verdict: 'survived', mapping: 'same' }), 5, samples.text());
    assert.equal(samples.sum('broken_connections_total'), 0);
  });

  test('same mapping, but the server was restarted: reset, and nobody lost anything', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const agent = await cluster.startAgent();
    await cluster.client.connect({ ...cluster.target, count: 5 });
    await cluster.lab.flush();
    // The server's sockets vanish without a packet, as after a crash of its machine.
    await cluster.lab.drop(cluster.lab.servers[0]!, 'server');
    await exec(cluster.lab.servers[0]!, 'ip', ['link', 'set', 'eth0', 'down']);
    await cluster.servers[0]!.stop();
    await exec(cluster.lab.servers[0]!, 'ip', ['link', 'set', 'eth0', 'up']);
    await restoreRoutes(cluster);
    await cluster.lab.stopDropping();
    assert.equal(outcomes(await sendOnAll(cluster.client)).reset, 5);
    const samples = await agent.until(pickups(5), '5 pickups');
    assert.equal(samples.sum('pickups_total', { verdict: 'reset', mapping: 'same' }), 5, samples.text());
    assert.equal(samples.sum('broken_connections_total'), 0, samples.text());
  });

  test('one backend, masqueraded from another port: all broken', async (t) => {
    const cluster = await createCluster(t, { backends: 1, masquerade: 'all' });
    const agent = await cluster.startAgent();
    await cluster.client.connect({ ...cluster.target, count: 5 });
    await cluster.lab.flush();
    assert.equal(outcomes(await sendOnAll(cluster.client)).reset, 5);
    const samples = await agent.until(pickups(5), '5 pickups');
    assert.equal(
      samples.sum('pickups_total', { verdict: 'reset', mapping: 'source_changed' }),
      5,
      samples.text(),
    );
    assert.equal(samples.sum('broken_connections_total', { cause: 'deleted' }), 5, samples.text());
  });

  test('a client on the host network', async (t) => {
    const cluster = await createCluster(t, { backends: 2, masquerade: 'none' });
    const agent = await cluster.startAgent();
    const onNode = await startPeer(cluster.lab.node);
    await fiveOnTheFirst(cluster, onNode);
    await cluster.lab.flush();
    assert.equal(outcomes(await sendOnAll(onNode)).reset, 5);
    const samples = await agent.until(pickups(5), '5 pickups');
    assert.equal(samples.sum('broken_connections_total', { cause: 'deleted' }), 5, samples.text());
  });

  test('nothing known before: the entries were lost before the agent started', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    await fiveOnTheFirst(cluster);
    await cluster.lab.flush();
    const agent = await cluster.startAgent();
    assert.equal(outcomes(await sendOnAll(cluster.client)).reset, 5);
    const samples = await agent.until(pickups(5), '5 pickups');
    assert.equal(samples.sum('pickups_total', { mapping: 'unknown', verdict: 'reset' }), 5, samples.text());
    assert.equal(
      samples.sum('broken_connections_total', { cause: 'unseen', outcome: 'reset' }),
      5,
      samples.text(),
    );
  });

  test('an entry inserted by a program heals the connection and is no finding', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const agent = await cluster.startAgent(['--confirm-window', '300ms']);
    await cluster.lab.setBackends([cluster.lab.servers[0]!]);
    await cluster.client.connect({ ...cluster.target, count: 1 });
    await cluster.lab.setBackends([cluster.lab.servers[1]!]);
    await cluster.lab.flush();
    const [connection] = await cluster.client.connections();
    const backend = cluster.lab.servers[0]!;
    await exec(cluster.lab.node, 'conntrack', [
      ...['-I', '-p', 'tcp', '-s', connection!.localAddress, '-d', cluster.target.host],
      ...['--sport', String(connection!.localPort), '--dport', String(cluster.target.port)],
      ...['--dst-nat', `${backend.ip}:${backend.port}`, '--state', 'ESTABLISHED'],
      ...['-u', 'ASSURED,SEEN_REPLY', '-t', '86400'],
    ]);
    assert.equal(outcomes(await sendOnAll(cluster.client)).answered, 1);
    const { before, samples } = await settledWith(agent, cluster);
    assert.equal(before, 0);
    assert.equal(samples.sum('pickups_total'), 1, 'only the witness');
  });

  test('refused connections and a scan of ports: no finding', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const agent = await cluster.startAgent(['--confirm-window', '300ms']);
    const [server] = cluster.lab.servers;
    const refused = await cluster.client.refused({ host: server!.ip, port: 9, count: 200 });
    assert.equal(refused.refused, 200);
    // A Service whose backend refuses, and ports where nobody listens.
    await cluster.lab.setBackends([{ ip: server!.ip, port: 9 }]);
    assert.equal((await cluster.client.refused({ ...cluster.target, count: 200 })).refused, 200);
    for (let port = 20; port < 40; port++) await cluster.client.refused({ host: server!.ip, port, count: 1 });
    const { before, samples } = await settledWith(agent, cluster);
    assert.equal(before, 0);
    assert.equal(samples.sum('pickups_total'), 1, samples.text());
  });

  test('ordinary churn: 3,000 connections and 200 refused, no finding, next to no event', async (t) => {
    const cluster = await createCluster(t, { backends: 3 });
    const agent = await cluster.startAgent(['--confirm-window', '300ms']);
    for (const closeBy of ['server', 'client'] as const) {
      const { done, failed } = await cluster.client.churn({ ...cluster.target, count: 1500, closeBy });
      assert.deepEqual([done, failed], [1500, 0]);
    }
    await cluster.client.refused({ host: cluster.lab.servers[0]!.ip, port: 9, count: 200 });
    const events = (await agent.samples()).sum('events_total');
    assert.ok(events < 400, `${events} events`);
    const { before } = await settledWith(agent, cluster);
    assert.equal(before, 0);
  });

  test('the same tuple used again by a new SYN after a loss: no finding', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const agent = await cluster.startAgent(['--confirm-window', '300ms']);
    await sysctl(cluster.lab.clients[0]!, 'net.ipv4.ip_local_port_range', '40000 40003');
    await cluster.client.connect({ ...cluster.target, count: 4 });
    await cluster.lab.flush();
    // RST makes no event, and frees the ports: the next connections have the same four tuples.
    await cluster.client.abort();
    const again = await startPeer(cluster.lab.clients[0]!);
    await again.connect({ ...cluster.target, count: 4 });
    assert.equal(outcomes(await sendOnAll(again)).answered, 4);
    assert.equal((await agent.samples()).sum('lost_entries_total'), 4);
    await again.closeAll();
    await sysctl(cluster.lab.clients[0]!, 'net.ipv4.ip_local_port_range', '41000 50000');
    const { before, samples } = await settledWith(agent, cluster);
    assert.equal(before, 0);
    assert.equal(samples.sum('pickups_total'), 1, samples.text());
  });

  test('zones are kept apart: equal tuples in two zones are two connections', async (t) => {
    const cluster = await createCluster(t, { backends: 2, masquerade: 'none' });
    const { lab } = cluster;
    // The zone comes before conntrack: table raw, as OVN and Cilium's chaining set it.
    const zone = (number: number) =>
      exec(
        lab.node,
        'nft',
        ['-f', '-'],
        [
          'add table ip zones; flush table ip zones',
          'add chain ip zones pre { type filter hook prerouting priority raw; }',
          `add rule ip zones pre ct zone set ${number}`,
        ].join('\n'),
      );
    await zone(7);
    const agent = await cluster.startAgent();
    await fiveOnTheFirst(cluster);
    await lab.flush();
    assert.equal(outcomes(await sendOnAll(cluster.client)).reset, 5);
    const line = await agent.waitFor(({ event }) => event === 'connection_broken');
    assert.deepEqual(
      (line['evidence'] as { zone: number }[]).map((event) => event.zone),
      [7, 7, 7],
    );
    // Lost in zone 7, picked up in zone 8: not the same connection as far as conntrack is concerned.
    const other = await startPeer(lab.clients[0]!);
    await fiveOnTheFirst(cluster, other);
    await lab.flush();
    await zone(8);
    assert.equal(outcomes(await sendOnAll(other)).reset, 5);
    const samples = await agent.until(pickups(10), '10 pickups');
    assert.equal(samples.sum('pickups_total', { mapping: 'backend_changed' }), 5, samples.text());
    assert.equal(samples.sum('pickups_total', { mapping: 'unknown' }), 5, samples.text());
  });
});

// Timeouts and retransmissions are waited for side by side.
describe('variants that take their time', { skip, concurrency: 4 }, () => {
  test('stalled: the new backend drops the packet', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const agent = await cluster.startAgent(['--confirm-window', '700ms']);
    await fiveOnTheFirst(cluster);
    await cluster.lab.drop(cluster.lab.servers[1]!, 'server');
    await cluster.lab.flush();
    await cluster.client.send();
    const samples = await agent.until(pickups(5), '5 pickups');
    assert.equal(
      samples.sum('broken_connections_total', { outcome: 'stalled', cause: 'deleted' }),
      5,
      samples.text(),
    );
    assert.equal(outcomes(await cluster.client.settle({ timeoutMs: 100 })).silent, 5);
    const line = await agent.waitFor(({ event }) => event === 'connection_broken');
    assert.match(line.msg, /has not answered/);
  });

  test('half-closed: an entry that expires in CLOSE_WAIT takes the connection with it', async (t) => {
    const cluster = await createCluster(t, { backends: 2, timeouts: { closeWait: 1, finWait: 1 } });
    const agent = await cluster.startAgent();
    await fiveOnTheFirst(cluster);
    await cluster.servers[0]!.endAll();
    await cluster.client.waitFor({ halfClosed: 5 });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(outcomes(await sendOnAll(cluster.client)).reset, 5);
    const samples = await agent.until((s) => s.sum('broken_connections_total') >= 5, '5 broken');
    assert.equal(
      samples.sum('broken_connections_total', { cause: 'timeout', outcome: 'reset' }),
      5,
      samples.text(),
    );
    const line = await agent.waitFor(({ event }) => event === 'connection_broken');
    const evidence = line['evidence'] as { state: string }[];
    assert.equal(evidence[0]!.state, 'CLOSE_WAIT');
  });

  test('not translated at all: the Service is gone, or nobody translates any more', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const agent = await cluster.startAgent(['--confirm-window', '500ms']);
    await cluster.client.connect({ ...cluster.target, count: 5 });
    await cluster.lab.removeService();
    await cluster.lab.flush();
    await cluster.client.send();
    const samples = await agent.until(pickups(5), '5 pickups');
    assert.equal(samples.sum('pickups_total', { mapping: 'none', verdict: 'stalled' }), 5, samples.text());
    assert.equal(samples.sum('broken_connections_total', { cause: 'deleted', outcome: 'stalled' }), 5);
  });

  test('retransmissions: several segments are several pickups, but one broken connection', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const agent = await cluster.startAgent(['--confirm-window', '300ms']);
    await fiveOnTheFirst(cluster);
    await cluster.lab.drop(cluster.lab.servers[1]!, 'server');
    await cluster.lab.flush();
    await cluster.client.send();
    await agent.until((s) => s.sum('broken_connections_total', { outcome: 'stalled' }) === 5, '5 stalled');
    // Each flush takes the unanswered entry; the client's next retransmission makes another.
    await cluster.lab.flush();
    await cluster.lab.stopDropping();
    assert.equal(outcomes(await cluster.client.settle({ timeoutMs: 20_000 })).reset, 5);
    const samples = await agent.until(pickups(10), '10 pickups', 20_000);
    assert.equal(samples.sum('pickups_total', { verdict: 'reset' }), 5, samples.text());
    assert.equal(samples.sum('broken_connections_total'), 5, samples.text());
  });
});

/** Taking a link down removes the routes through it; this puts the server's default route back. */
async function restoreRoutes(cluster: Cluster): Promise<void> {
  const routes = await exec(cluster.lab.clients[0]!, 'ip', ['route', 'show', 'default']);
  const gateway = /via (\S+)/.exec(routes)?.[1];
  await exec(cluster.lab.servers[0]!, 'ip', [
    'route',
    'replace',
    'default',
    ...(gateway ? ['via', gateway] : []),
    'dev',
    'eth0',
    'onlink',
  ]);
}
