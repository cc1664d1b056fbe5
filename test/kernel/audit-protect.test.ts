/** `audit` beside an agent that protects: what is protected is no risk, and what is not says why. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { NODE_OPTIONS, PROGRAM } from '../../src/lab/agent-process.ts';
import { exec, type Namespace, sysctl } from '../../src/lab/namespace.ts';
import { createCluster, skip } from '../support/cluster.ts';
import { topologyOf } from '../support/topology-file.ts';

const COUNT = 5;
const ESTABLISHED_SECONDS = 600;
const SERVICE = { namespace: 'shop', name: 'redis', port: 6379 };
const CHECKOUT = { namespace: 'shop', workload: 'Deployment/checkout' };

function run(at: Namespace, args: readonly string[]) {
  const line = ['netns', 'exec', at.name, process.execPath, ...NODE_OPTIONS, PROGRAM, 'audit'];
  const node = ['--node-name', 'node-1'];
  const { status, stdout, stderr } = spawnSync('ip', [...line, ...node, ...args], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return { stdout, stderr };
}

interface Audit {
  readonly stderr: string;
  readonly connections_at_risk: number;
  readonly protected_connections?: number;
  readonly protected?: readonly object[];
  readonly connections: readonly { readonly unprotected?: string }[];
}

function audit(at: Namespace, args: readonly string[]): Audit {
  const { stdout, stderr } = run(at, ['--json', ...args]);
  return { ...JSON.parse(stdout), stderr };
}

const reasons = ({ connections }: Audit) => connections.map(({ unprotected }) => unprotected);

describe('audit beside an agent that protects', { skip }, () => {
  test('it asks the agent, and judges as the agent does', async (t) => {
    const timeouts = { established: ESTABLISHED_SECONDS };
    const cluster = await createCluster(t, { backends: 2, timeouts });
    const { lab, client, target, node } = cluster;
    const topology = ['--topology', topologyOf(t, lab)];
    await client.connect({ ...target, count: COUNT });
    const agent = await cluster.startAgent([...topology, '--protect', 'renew', '--protect-max-idle', '12h']);
    await agent.until((s) => s.sum('protected_connections') === COUNT, 'all protected');

    const beside = audit(lab.node, topology);
    const workloads = [{ client: CHECKOUT, service: SERVICE, connections: COUNT }];
    assert.deepEqual(
      [beside.stderr, beside.connections_at_risk, beside.protected_connections, beside.protected],
      ['', 0, COUNT, workloads],
    );
    const { body } = await node.httpGet({ url: 'http://127.0.0.1:9470/api/v1/at-risk' });
    const page = JSON.parse(body) as Audit;
    assert.deepEqual([page.connections_at_risk, page.protected], [0, workloads], 'as the agent says itself');
    assert.match(
      run(lab.node, topology).stdout,
      /^All is well: looked at 5 .* 5 connections are protected: .*\s+for at most 12 h without a packet/,
    );

    const without = audit(lab.node, [...topology, '--protect', 'off']);
    assert.deepEqual([without.connections_at_risk, 'protected' in without], [COUNT, false]);
    assert.deepEqual(new Set(reasons(without)), new Set([undefined]));

    const nameless = audit(lab.node, []);
    assert.deepEqual([nameless.connections_at_risk, nameless.protected_connections], [COUNT, 0]);
    assert.deepEqual(new Set(reasons(nameless)), new Set(['service_unknown']));
    assert.match(nameless.stderr, /^conntrack-watchdog: .*so these may be protected: give --topology/);
  });

  test('what is not protected says why: the backend left, or the time that is left shows it', async (t) => {
    const timeouts = { established: ESTABLISHED_SECONDS };
    const { lab, client, target } = await createCluster(t, { backends: 2, timeouts });
    await lab.setBackends([lab.servers[0]!]);
    await client.connect({ ...target, count: COUNT });
    await lab.setBackends([lab.servers[1]!]);
    const moved = topologyOf(t, lab, (json) => json.replaceAll(lab.servers[0]!.ip, '10.244.200.9'));
    const renew = ['--protect', 'renew'];
    const gone = audit(lab.node, ['--topology', moved, ...renew]);
    assert.deepEqual([gone.connections_at_risk, gone.protected_connections], [COUNT, 0]);
    assert.deepEqual(new Set(reasons(gone)), new Set(['backend_gone']));
    const table = run(lab.node, ['--topology', moved, ...renew]).stdout;
    assert.match(table, / KEEPALIVE +NOT PROTECTED +FIX\n/);
    assert.match(
      table,
      /\nbackend_gone: not protected, as its backend is no endpoint of the Service any more\.\n/,
    );

    const still = audit(lab.node, ['--topology', topologyOf(t, lab), ...renew]);
    assert.deepEqual([still.connections_at_risk, still.protected_connections], [0, COUNT]);

    // An eighth of the time is 75 s; an agent would have renewed that long ago. Below the timeout of unacknowledged data
    // it would not tell the idle time.
    for (const name of ['unacknowledged', 'max_retrans']) {
      await sysctl(lab.node, `net.netfilter.nf_conntrack_tcp_timeout_${name}`, 5);
    }
    const update = ['-U', '-p', 'tcp', '--orig-src', lab.clients[0]!.address, '--timeout', '60'];
    await exec(lab.node, 'conntrack', update);
    const left = audit(lab.node, ['--topology', topologyOf(t, lab), ...renew]);
    assert.deepEqual([left.connections_at_risk, left.protected_connections], [COUNT, 0]);
    assert.deepEqual(new Set(reasons(left)), new Set(['max_idle']));
  });

  test('an agent that is gone, or serves elsewhere; who asks for it is told', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const { lab, client, target } = cluster;
    const topology = ['--topology', topologyOf(t, lab)];
    await client.connect({ ...target, count: COUNT });
    const args = [...topology, '--protect', 'renew', '--status-listen', '127.0.0.1:0'];
    const agent = await cluster.startAgent(args);
    const { port } = await agent.waitFor(({ event }) => event === 'status_listening');
    const there = ['--status-listen', `127.0.0.1:${port}`];
    const found = audit(lab.node, [...topology, ...there]);
    assert.deepEqual([found.connections_at_risk, found.protected_connections], [0, COUNT]);

    const elsewhere = audit(lab.node, topology);
    assert.deepEqual([elsewhere.stderr, elsewhere.connections_at_risk], ['', COUNT]);
    assert.equal(await agent.stop(), 0);
    const asked = audit(lab.node, [...topology, ...there, '--protect', 'auto']);
    assert.deepEqual([asked.connections_at_risk, 'protected' in asked], [COUNT, false]);
    assert.match(
      asked.stderr,
      /^conntrack-watchdog: whether an agent renews entries is not known, .*ECONNREFUSED.*\n$/,
    );
  });
});
