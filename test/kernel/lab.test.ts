import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createLab, type LabOptions } from '../../src/lab/lab.ts';
import { exec, spawnIn, sysctl } from '../../src/lab/namespace.ts';
import { type Peer, startPeer } from '../../src/lab/peer.ts';
import { startServers } from '../../src/lab/servers.ts';
import { KINDS, skip } from '../support/cluster.ts';
import { createTestLab, ownNamespaces } from '../support/leaks.ts';

/** A lab with echo servers and one client. */
async function setUp(t: TestContext, options: LabOptions) {
  const lab = await createTestLab(t, options);
  const [servers, client] = await Promise.all([startServers(lab), startPeer(lab.clients[0]!)]);
  const target = { host: lab.service.ip, port: lab.service.port };
  return { lab, servers, client, target };
}

/** Sends on every connection and says what became of them. */
async function sendAndSettle(client: Peer, timeoutMs = 5_000) {
  await client.send();
  const { details, ...outcomes } = await client.settle({ timeoutMs });
  return { details, outcomes };
}

for (const kind of KINDS) {
  describe(`lab over IPv${kind.family} with ${kind.rules}`, { skip }, () => {
    test('connections spread over the backends; after a flush some are reset, some are lucky', async (t) => {
      const { lab, client, servers, target } = await setUp(t, { ...kind, backends: 3 });
      await client.connect({ ...target, count: 40 });
      const totals = await Promise.all(servers.map(async (server) => (await server.counts()).total));
      assert.equal(
        totals.reduce((a, b) => a + b),
        40,
      );
      assert.ok(
        totals.every((total) => total > 0),
        `every backend is used: ${totals}`,
      );
      assert.equal((await lab.conntrackList()).match(/ESTABLISHED .*\[ASSURED\]/g)?.length, 40);

      assert.deepEqual((await sendAndSettle(client)).outcomes, {
        answered: 40,
        reset: 0,
        closed: 0,
        silent: 0,
      });
      await lab.flush();
      const { outcomes, details } = await sendAndSettle(client);
      assert.equal(outcomes.answered + outcomes.reset, 40);
      assert.ok(outcomes.answered > 0 && outcomes.reset > 0, JSON.stringify(outcomes));
      const codes = details.filter(({ outcome }) => outcome === 'reset').map(({ errorCode }) => errorCode);
      assert.deepEqual(new Set(codes), new Set(['ECONNRESET']));
      const counts = await client.counts();
      assert.deepEqual([counts.open, counts.reset], [outcomes.answered, outcomes.reset]);
      const openPorts = details.filter(({ outcome }) => outcome === 'answered').map((row) => row.localPort);
      assert.deepEqual(
        (await client.connections()).map((row) => row.localPort),
        openPorts,
      );
    });

    test('masqueraded to a random port, a Service with one backend breaks too', async (t) => {
      const { lab, client, target } = await setUp(t, { ...kind, backends: 1, masquerade: 'all' });
      // Few: a new port that was another one's old port meets its socket, which does not answer with a reset.
      await client.connect({ ...target, count: 3 });
      await lab.flush();
      assert.deepEqual((await sendAndSettle(client)).outcomes, {
        answered: 0,
        reset: 3,
        closed: 0,
        silent: 0,
      });
    });

    test('outside-pods: a pod keeps its port and survives; host network and other machines do not', async (t) => {
      const { lab, client, target } = await setUp(t, { ...kind, backends: 1 });
      const [onNode, outside] = await Promise.all([startPeer(lab.node), startPeer(lab.outside)]);
      const clients = [client, onNode, outside];
      await Promise.all(clients.map((peer) => peer.connect({ ...target, count: 5 })));
      await lab.flush();
      const [pod, ...others] = await Promise.all(clients.map((peer) => sendAndSettle(peer)));
      assert.equal(pod!.outcomes.answered, 5);
      assert.deepEqual(
        others.map(({ outcomes }) => outcomes.reset),
        [5, 5],
      );
    });

    test('setBackends leaves living connections alone and decides where a re-pick goes', async (t) => {
      const { lab, client, servers, target } = await setUp(t, { ...kind, backends: 2, masquerade: 'none' });
      await lab.setBackends([lab.servers[0]!]);
      await client.connect({ ...target, count: 10 });
      assert.equal((await servers[0]!.counts()).total, 10);
      await lab.setBackends([lab.servers[1]!]);
      assert.equal((await sendAndSettle(client)).outcomes.answered, 10);
      await lab.flush();
      assert.equal((await sendAndSettle(client)).outcomes.reset, 10);
      await lab.setBackends(lab.servers);
      await client.connect({ ...target, count: 20 });
    });

    for (const [where, entries] of [
      ['server', 3],
      ['node', 0],
    ] as const) {
      test(`stalled: what is dropped at the ${where} stays silent, and survives when it ends`, async (t) => {
        const { lab, client, target } = await setUp(t, { ...kind, backends: 1, masquerade: 'none' });
        await client.connect({ ...target, count: 3 });
        await lab.drop(lab.servers[0]!, where);
        await lab.flush();
        assert.equal((await sendAndSettle(client, 300)).outcomes.silent, 3);
        // A packet dropped in FORWARD leaves no entry: nothing confirms it.
        assert.equal((await lab.conntrackList()).match(/UNREPLIED/g)?.length ?? 0, entries);
        await lab.stopDropping();
        assert.equal(
          (await client.settle({ timeoutMs: 10_000 })).answered,
          3,
          'a retransmission gets through',
        );
      });
    }

    test('without a rule for the Service the packets are not translated and stay silent', async (t) => {
      const { lab, client, target } = await setUp(t, { ...kind, backends: 1 });
      await client.connect({ ...target, count: 3 });
      await lab.removeService();
      assert.equal((await sendAndSettle(client)).outcomes.answered, 3, 'the entries still translate');
      await lab.flush();
      assert.equal((await sendAndSettle(client, 300)).outcomes.silent, 3);
      assert.match(await lab.conntrackList(), new RegExp(`UNREPLIED\\] src=${lab.service.ip} `));
    });

    test('half-closed by the server: CLOSE_WAIT, and after the loss the client is reset', async (t) => {
      const { lab, client, servers, target } = await setUp(t, { ...kind, backends: 2 });
      await lab.setBackends([lab.servers[0]!]);
      await client.connect({ ...target, count: 5 });
      await servers[0]!.endAll();
      assert.equal((await client.waitFor({ halfClosed: 5 })).open, 0);
      assert.equal((await lab.conntrackList()).match(/CLOSE_WAIT/g)?.length, 5);
      assert.equal(
        (await sendAndSettle(client, 100)).outcomes.silent,
        5,
        'nobody answers, but nothing broke',
      );
      await lab.setBackends([lab.servers[1]!]);
      await lab.flush();
      const { outcomes, details } = await sendAndSettle(client);
      assert.equal(outcomes.reset, 5);
      assert.equal(details[0]?.errorCode, 'EPIPE');
    });

    test('the server speaks first: heard before the loss, reset after it', async (t) => {
      const { lab, client, servers, target } = await setUp(t, { ...kind, backends: 1, masquerade: 'none' });
      await client.connect({ ...target, count: 5 });
      const { bytesReceived } = await client.counts();
      await servers[0]!.send({ text: 'news' });
      await client.waitFor({ bytesReceived: bytesReceived + 5 * 'news'.length });
      await lab.flush();
      await servers[0]!.send({ text: 'news' });
      assert.equal((await servers[0]!.settle({ timeoutMs: 5_000 })).reset, 5);
      assert.equal((await client.counts()).open, 5, 'the client has not noticed');
      assert.equal((await sendAndSettle(client)).outcomes.reset, 5, 'same backend, but its socket is gone');
    });

    test('endings, churn and refusals', async (t) => {
      const options = { ...kind, backends: 2, clients: 2, clientAddresses: 3 };
      const { lab, client, servers, target } = await setUp(t, options);
      const localAddresses = lab.clients[0]!.addresses;
      await client.connect({ ...target, count: 6, localAddresses });
      assert.deepEqual(
        (await client.connections()).map((row) => row.localAddress).sort(),
        [...localAddresses, ...localAddresses].sort(),
      );
      await client.closeAll();
      assert.equal((await client.counts()).closed, 6);
      await lab.setBackends([lab.servers[0]!]);
      await client.connect({ ...target, count: 6 });
      await client.abort();
      assert.equal((await servers[0]!.waitFor({ reset: 6 })).open, 0);
      await lab.setBackends(lab.servers);
      for (const closeBy of ['client', 'server'] as const) {
        const churned = await client.churn({ ...target, count: 200, closeBy, localAddresses });
        assert.deepEqual(churned, { done: 200, failed: 0 });
      }
      const second = await startPeer(lab.clients[1]!);
      const closedPort = { host: lab.servers[0]!.ip, port: 9 };
      assert.deepEqual(await second.refused({ ...closedPort, count: 10 }), { refused: 10, other: 0 });
      await assert.rejects(second.connect({ ...closedPort, count: 1 }), /ECONNREFUSED/);
    });
  });
}

describe('a lab leaves nothing behind', { skip }, () => {
  const script = `
    import { createLab } from '${import.meta.resolve('../../src/lab/lab.ts')}';
    import { startServers } from '${import.meta.resolve('../../src/lab/servers.ts')}';
    const lab = await createLab({ family: 4, rules: 'iptables', backends: 2 });
    const servers = await startServers(lab);
    console.log(servers.map(({ pid }) => pid).join(' '));
  `;

  /** A process with an open lab and two servers in it. */
  async function labInAnotherProcess(t: TestContext, more = '') {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script + more], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.after(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const peers = line.split(' ').map(Number);
    return { child, exit, peers };
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`after ${signal}, which still ends the process`, async (t) => {
      const { child, exit, peers } = await labInAnotherProcess(t);
      assert.equal(ownNamespaces(child.pid!).length, 5);
      child.kill(signal);
      assert.deepEqual(await exit, [null, signal]);
      assert.deepEqual(ownNamespaces(child.pid!), []);
      await gone(peers);
    });
  }

  test('after an exception nobody caught', async (t) => {
    const { child, exit, peers } = await labInAnotherProcess(
      t,
      'setImmediate(() => { throw new Error(); });',
    );
    assert.deepEqual(await exit, [1, null]);
    assert.deepEqual(ownNamespaces(child.pid!), []);
    await gone(peers);
  });

  test('a program with its own signal handler decides itself', async (t) => {
    const more = "process.on('SIGINT', async () => { await lab.close(); process.exitCode = 7; });";
    const { child, exit, peers } = await labInAnotherProcess(t, more);
    child.kill('SIGINT');
    assert.deepEqual(await exit, [7, null]);
    assert.deepEqual(ownNamespaces(child.pid!), []);
    await gone(peers);
  });

  test('after SIGKILL: the peers end by themselves, the next lab sweeps the namespaces', async (t) => {
    const { child, exit, peers } = await labInAnotherProcess(t);
    child.kill('SIGKILL');
    await exit;
    await gone(peers);
    assert.equal(ownNamespaces(child.pid!).length, 5);
    const lab = await createLab({ family: 4, rules: 'nftables', backends: 1 });
    t.after(() => lab.close());
    assert.deepEqual(ownNamespaces(child.pid!), []);
  });

  test('two labs at once do not disturb each other', async (t) => {
    const [one, two] = await Promise.all([
      createLab({ family: 4, rules: 'iptables', backends: 1 }),
      createLab({ family: 4, rules: 'nftables', backends: 1 }),
    ]);
    t.after(() => Promise.all([one.close(), two.close()]));
    await startServers(two);
    await one.close();
    await one.close();
    assert.equal(ownNamespaces(process.pid).length, 4);
    const client = await startPeer(two.clients[0]!);
    await client.connect({ host: two.service.ip, port: two.service.port, count: 1 });
    await two.close();
    await assert.rejects(client.counts(), /is gone/);
    assert.deepEqual(ownNamespaces(process.pid), []);
    assert.deepEqual(
      ['exit', 'SIGINT'].map((event) => process.listeners(event as 'exit').filter(isOurs)),
      [[], []],
    );
  });

  test('not even when it could not be built', async () => {
    const options = { family: 4, rules: 'iptables', backends: 1 } as const;
    await assert.rejects(
      createLab({ ...options, backends: 9 }),
      /backends must be a whole number from 1 to 8/,
    );
    await assert.rejects(
      createLab({ ...options, timeouts: { established: Number.NaN } }),
      /sh: exit code \d+: .*(write error|I\/O error|Invalid argument)/s,
    );
    assert.deepEqual(ownNamespaces(process.pid), []);
  });
});

describe('the parts of a lab', { skip }, () => {
  test('an error of a command says what was run where, and what it wrote', async (t) => {
    const { lab } = await setUp(t, { family: 4, rules: 'nftables', backends: 1 });
    const pattern = new RegExp(`ip netns exec ${lab.node.name} conntrack --nonsense: exit code 2: conntrack`);
    await assert.rejects(exec(lab.node, 'conntrack', ['--nonsense']), pattern);
    await assert.rejects(exec(lab.node, 'no-such-program'), /no-such-program/);
  });

  test('sysctls and timeouts are those of the node alone', async (t) => {
    const timeouts = { established: 1234, closeWait: 5 };
    const { lab } = await setUp(t, { family: 6, rules: 'iptables', backends: 1, timeouts });
    const path = '/proc/sys/net/netfilter/nf_conntrack_tcp_';
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_loose', 0);
    const files = ['timeout_established', 'timeout_close_wait', 'loose'].map((name) => path + name);
    assert.equal(await exec(lab.node, 'cat', files), '1234\n5\n0\n');
    assert.notEqual(readFileSync(`${path}timeout_close_wait`, 'utf8'), '5\n');
  });

  test('a peer in the node reads what is served on its loopback', async (t) => {
    const { lab } = await setUp(t, { family: 4, rules: 'nftables', backends: 1 });
    const server =
      "http.createServer((q, s) => s.end('at ' + q.url)).listen(80, '127.0.0.1', () => process.send(1))";
    const child = spawnIn(lab.node, process.execPath, ['-e', server], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    const peer = await startPeer(lab.node);
    const { status, body } = await peer.httpGet({ url: 'http://127.0.0.1/metrics' });
    assert.deepEqual([status, body], [200, 'at /metrics']);
    await assert.rejects(peer.httpGet({ url: 'http://127.0.0.1:81/' }), /peer in cw-.*: .*ECONNREFUSED/);
  });

  test('a peer that dies fails what it was asked', async (t) => {
    const { client, target } = await setUp(t, { family: 4, rules: 'iptables', backends: 1 });
    await client.connect({ ...target, count: 1 });
    const waiting = client.waitFor({ reset: 1, timeoutMs: 60_000 });
    await Promise.all([client.stop(), assert.rejects(waiting, /the peer in cw-.*-client0 ended: SIGKILL/)]);
  });

  test('5,000 connections at once', async (t) => {
    const { lab, client, target } = await setUp(t, { family: 4, rules: 'iptables', backends: 3 });
    await client.connect({ ...target, count: 5_000 });
    await lab.flush();
    const { outcomes } = await sendAndSettle(client, 20_000);
    assert.equal(outcomes.answered + outcomes.reset, 5_000, JSON.stringify(outcomes));
  });
});

function isOurs(listener: { name: string }): boolean {
  return listener.name === 'onExit' || listener.name === 'onSignal';
}

/** Resolves when the processes have ended; the test's own timeout is the limit. */
async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some((pid) => existsSync(`/proc/${pid}/ns/net`))) await setTimeout(5);
}
