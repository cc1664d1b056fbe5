/** The agent as a process: what it says when it cannot see, what it leaves behind, how it ends. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { PROGRAM } from '../../src/lab/agent-process.ts';
import { exec, type Namespace, spawnIn, sysctl } from '../../src/lab/namespace.ts';
import { startPeer } from '../../src/lab/peer.ts';
import { createCluster, sendOnAll, skip } from '../support/cluster.ts';

/** Runs the agent where it must end by itself; exit status and output. */
function runAgent(namespace: Namespace, args: readonly string[], wrapper: readonly string[] = []) {
  const command = ['netns', 'exec', namespace.name, ...wrapper, process.execPath, PROGRAM, 'agent', ...args];
  const { status, stdout, stderr } = spawnSync('ip', command, { encoding: 'utf8', timeout: 20_000 });
  return { status, stdout, stderr };
}

const oneLine = /^conntrack-watchdog: [^\n]+\n$/;

describe('agent', { skip }, () => {
  test('serves metrics in both formats, health, readiness, and says where it listens', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const agent = await cluster.startAgent();
    assert.equal((await agent.get('/healthz')).status, 200);
    const ready = await agent.get('/readyz');
    assert.deepEqual([ready.status, ready.body.trim()], [200, 'ok']);
    const samples = await agent.samples();
    assert.equal(samples.sum('ready'), 1);
    assert.equal(samples.sum('ready_condition'), 4, 'without an API server topology_synced is none of them');
    assert.equal(samples.sum('events_lost_total'), 0);
    assert.equal(samples.sum('kernel_setting', { name: 'nf_conntrack_tcp_timeout_established' }), 432_000);
    assert.match(agent.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const started = agent.lines.find(({ event }) => event === 'agent_started');
    assert.equal(started?.['receive_buffer_bytes'], 2 * 64 * 2 ** 20);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal}: exit 0 within 2 s, pending verdicts decided or given up, the socket gone`, async (t) => {
      const cluster = await createCluster(t, { backends: 2 });
      const agent = await cluster.startAgent(['--confirm-window', '10m']);
      await cluster.client.connect({ ...cluster.target, count: 20 });
      await cluster.lab.setBackends([cluster.lab.servers[0]!]);
      await cluster.lab.drop(cluster.lab.servers[0]!, 'server');
      await cluster.lab.flush();
      await cluster.client.send();
      await agent.until((s) => s.sum('flow_table_entries', { table: 'pending' }) === 20, '20 pending');
      await cluster.lab.stopDropping();
      // The old backend's half of them is answered at the next retransmission, the others are reset.
      await cluster.client.settle({ timeoutMs: 5000 });
      await agent.until((s) => s.sum('broken_connections_total') > 0, 'the resets');
      const pending = (await agent.samples()).sum('flow_table_entries', { table: 'pending' });
      assert.ok(pending > 0);
      const begin = performance.now();
      assert.equal(await agent.stop(signal), 0);
      assert.ok(performance.now() - begin < 2000, `${performance.now() - begin} ms`);
      assert.equal(agent.stderr(), '');
      const last = agent.lines.at(-1)!;
      assert.deepEqual(
        [last.event, last['pickups_decided'], last['pickups_undecided']],
        ['agent_stopping', pending, 0],
      );
      const sockets = await exec(cluster.lab.node, 'cat', ['/proc/net/netlink']);
      const open = sockets.split('\n').filter((row) => /^\S+\s+12\s+[1-9]/.test(row));
      assert.deepEqual(open, []);
    });
  }

  test('a signal that comes while the program loads ends it as well', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    // How far it has come is told by the CPU time it used, whatever else the machine does. Where it needs less it is
    // up by then, and uses none any more.
    for (const wantedMs of [40, 130, 160, 190]) {
      const child = spawnIn(lab.node, process.execPath, [PROGRAM, 'agent', '--listen', '127.0.0.1:0'], {
        stdio: 'ignore',
      });
      let cpuMs = 0;
      let grewAt = performance.now();
      while (cpuMs < wantedMs && performance.now() - grewAt < 300) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        const nowMs = cpuMsOf(child.pid!);
        if (nowMs > cpuMs) grewAt = performance.now();
        cpuMs = nowMs;
      }
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const [code, signal] = await ended;
      // Before Node.js itself is up nobody can listen.
      assert.ok(code === 0 || (signal === 'SIGTERM' && cpuMs < 130), `after ${cpuMs} ms: ${code} ${signal}`);
    }
  });

  test('a signal in the middle of the kernel’s answers is an orderly end', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    for (const ms of [180, 230, 280]) {
      const agent = await cluster.startAgent(['--confirm-window', '200ms']);
      const client = await startPeer(cluster.lab.clients[0]!);
      await client.connect({ ...cluster.target, count: 1000 });
      await cluster.lab.flush();
      await sendOnAll(client);
      // The entries go again, so that the kernel has none to answer with.
      await cluster.lab.flush();
      await new Promise((resolve) => setTimeout(resolve, ms - 150));
      assert.equal(await agent.stop(), 0, agent.stderr());
      assert.equal(agent.stderr(), '');
      await client.stop();
    }
  });

  test('started by npm, it gets the signal that npm gets', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const folder = join(import.meta.dirname, '../..');
    const args = ['run', '--silent', 'watchdog', '--', 'agent', '--listen', '127.0.0.1:0'];
    const child = spawnIn(lab.node, 'npm', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    await new Promise<void>((resolve) => {
      child.stdout!.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('agent_started')) resolve();
      });
    });
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    const [code] = await ended;
    assert.deepEqual([code, output.includes('agent_stopping')], [0, true]);
  });

  test('more idle connections than anybody needs neither blind nor stop it', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const agent = await cluster.startAgent();
    const { hostname, port } = new URL(agent.url);
    const flood = `const net=require('net');for(let i=0;i<500;i++)net.connect(${port},'${hostname}').on('error',()=>{});setTimeout(()=>process.exit(),1000)`;
    await exec(cluster.lab.node, process.execPath, ['-e', flood]);
    await agent.until((s) => s.sum('ready') === 1, 'ready after the flood');
    assert.equal(await agent.stop(), 0);
  });

  test('events switched off: says so, is not ready, and is ready again when they come back', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    await sysctl(cluster.lab.node, 'net.netfilter.nf_conntrack_events', 0);
    const agent = await cluster.startAgent();
    const line = await agent.waitFor(({ event }) => event === 'kernel_setting');
    assert.equal(line['level'], 'error');
    assert.match(line.msg, /nf_conntrack_events is 0.*sysctl -w/);
    const unready = await agent.get('/readyz');
    assert.equal(unready.status, 503);
    assert.match(unready.body, /nf_conntrack_events is 0/);
    assert.equal((await agent.get('/healthz')).status, 200);
    const samples = await agent.samples();
    assert.equal(samples.sum('ready'), 0);
    assert.equal(samples.sum('ready_condition', { condition: 'subscribed' }), 1);
    assert.equal(samples.sum('ready_condition', { condition: 'events_enabled' }), 0);
    await sysctl(cluster.lab.node, 'net.netfilter.nf_conntrack_events', 1);
    await agent.until((s) => s.sum('ready') === 1, 'ready');
    assert.equal((await agent.get('/readyz')).status, 200);
  });

  test('tcp_loose=0: says that breaks cannot be seen', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    await sysctl(cluster.lab.node, 'net.netfilter.nf_conntrack_tcp_loose', 0);
    const agent = await cluster.startAgent();
    const line = await agent.waitFor(({ event }) => event === 'kernel_setting');
    assert.match(line.msg, /nf_conntrack_tcp_loose is 0/);
  });

  test('without CAP_NET_ADMIN: one line, exit 1', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const dropped = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    const { status, stderr } = runAgent(lab.node, ['--listen', '127.0.0.1:0'], dropped);
    assert.equal(status, 1);
    assert.match(stderr, oneLine);
    assert.match(stderr, /not permitted; the capability NET_ADMIN is needed/);
  });

  test('port in use: one line, exit 1', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const agent = await cluster.startAgent();
    const { status, stderr } = runAgent(cluster.lab.node, ['--listen', agent.url.replace('http://', '')]);
    assert.equal(status, 1);
    assert.match(stderr, oneLine);
    assert.match(stderr, /--listen 127\.0\.0\.1:\d+: the address is in use/);
  });

  test('bad input: one line that says what and where, exit 2', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const broken = join(folder, 'broken.yaml');
    writeFileSync(
      broken,
      'kind: List\nitems:\n- kind: Service\n  apiVersion: v1\n  metadata: {name: x, namespace: y}\n  spec: {ports: [{port: many}]}\n',
    );
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--topology', `file:${folder}/missing.yaml`], /missing\.yaml.*ENOENT/],
      [['--topology', `file:${folder}`], /EISDIR/],
      [
        ['--topology', `file:${broken}`],
        /broken\.yaml, document 1, items\[0\] \(Service y\/x\).*spec\.ports\[0\]\.port.*"many"/,
      ],
      [['--topology', 'elsewhere'], /--topology.*elsewhere/],
      [['--proc', folder], /--proc .*no sys\/net below it/],
      [['--confirm-window', '0'], /--confirm-window/],
      [['--receive-buffer', '-1'], /--receive-buffer/],
      [['--listen', 'nowhere'], /--listen/],
      [['--listen', '127.0.0.1:70000'], /--listen/],
      [['--log-level', 'loud'], /--log-level.*loud/],
      [['--node-name', 'not a name'], /--node-name/],
      [['--colour'], /--colour/],
      [['stray'], /stray/],
    ];
    for (const [args, expected] of cases) {
      const { status, stdout, stderr } = runAgent(lab.node, args);
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, oneLine);
      assert.match(stderr, expected);
    }
  });

  test('names from a topology file reach the log and the labels', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const { lab } = cluster;
    const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'cluster.yaml');
    writeFileSync(file, topologyYaml(lab.service, lab.clients[0]!.address));
    const agent = await cluster.startAgent(['--topology', `file:${file}`]);
    const declared = { service_namespace: 'shop', service_name: 'redis', service_port: '6379' };
    assert.match(
      (await agent.get('/metrics')).body,
      /lost_entries_total\{service_namespace="shop",service_name="redis".* 0\n/,
    );
    await lab.setBackends([lab.servers[0]!]);
    await cluster.client.connect({ ...cluster.target, count: 3 });
    await lab.setBackends([lab.servers[1]!]);
    await lab.flush();
    assert.equal((await sendOnAll(cluster.client)).reset, 3);
    const labels = { ...declared, client_namespace: 'shop', client_workload: 'CronJob/report' };
    await agent.until((s) => s.sum('broken_connections_total', labels) === 3, '3 with names');
    const line = await agent.waitFor(({ event }) => event === 'connection_broken');
    assert.match(
      line.msg,
      /^Connection from shop\/report-29393520-x \(CronJob\/report\) to shop\/redis:6379 was reset/,
    );
  });

  test('a flush of 100,000 entries loses no event; with a small buffer the losses are the kernel’s Drops', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const { lab } = cluster;
    const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'entries');
    writeFileSync(file, entries(100_000, lab.service, lab.servers[0]!));
    const [large, small] = [
      await cluster.startAgent(),
      await cluster.startAgent(['--receive-buffer', '256Ki']),
    ];
    await exec(lab.node, 'conntrack', ['-R', file]);
    await lab.flush();
    const samples = await large.until((s) => s.sum('lost_entries_total') === 100_000, '100,000 lost', 30_000);
    assert.equal(samples.sum('events_lost_total'), 0);
    assert.equal(samples.sum('events_total', { type: 'new' }), 0);
    const taken = await small.until(
      (s) => s.sum('events_total') + s.sum('events_lost_total') === 100_000,
      'all received or lost',
      30_000,
    );
    const drops = (await exec(lab.node, 'cat', ['/proc/net/netlink']))
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter((cells) => cells[1] === '12')
      .reduce((sum, cells) => sum + Number(cells[8]), 0);
    assert.equal(taken.sum('events_lost_total'), drops);
    assert.ok(drops > 0, 'the small buffer lost nothing, so this shows nothing');
    const said = await small.waitFor(({ event }) => event === 'events_lost');
    assert.match(said.msg, /--receive-buffer/);
    const rss = (pid: number) =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1000;
    assert.ok(rss(large.pid) <= 110, `${rss(large.pid)} MB resident`);
  });
});

/** CPU time of the process's first thread, which is the one that loads the program. */
function cpuMsOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

/** Text for `conntrack -R`: established translated entries. */
function entries(
  count: number,
  service: { ip: string; port: number },
  backend: { ip: string; port: number },
): string {
  const line = (i: number) =>
    `-I -p tcp -s 10.200.${i >> 14}.1 -d ${service.ip} --sport ${1024 + (i & 16383)} --dport ${service.port} --dst-nat ${backend.ip}:${backend.port} --state ESTABLISHED -u ASSURED,SEEN_REPLY -t 86400`;
  return `${Array.from({ length: count }, (_, i) => line(i)).join('\n')}\n`;
}

function topologyYaml(service: { ip: string; port: number }, client: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { namespace: shop, name: redis }
spec: { clusterIPs: [${service.ip}], ports: [{ port: ${service.port} }] }
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata:
    namespace: shop
    name: report-29393520-x
    ownerReferences: [{ apiVersion: batch/v1, kind: Job, name: report-29393520, controller: true }]
  spec: { nodeName: node-1 }
  status: { phase: Running, podIPs: [{ ip: ${client} }] }
`;
}
