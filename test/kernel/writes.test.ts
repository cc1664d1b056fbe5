/** "It only reads", and with `--protect renew` what else: every system call of a busy agent, as strace sees it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type AgentProgram, NODE_OPTIONS, PROGRAM } from '../../src/lab/agent-process.ts';
import { spawnIn } from '../../src/lab/namespace.ts';
import { startPeer } from '../../src/lab/peer.ts';
import { ended } from '../../src/lab/run-command.ts';
import { judge } from '../support/call-rules.ts';
import {
  type Agent,
  type Cluster,
  createCluster,
  createClusters,
  sendOnAll,
  skip,
} from '../support/cluster.ts';
import { createTrace, noStrace } from '../support/strace.ts';
import { topologyOf } from '../support/topology-file.ts';
import { putIntoZone } from '../support/zones.ts';

const ESTABLISHED_SECONDS = 3;
const ZONE = 7;
const COUNT = 8;
const GROUP_NEW = 1;
const GROUP_DESTROY = 3;
/** What can write to the kernel, and what leads to it. */
const WRITERS = [
  'kernel/renewal-socket.ts',
  'commands/protect/protect-flows.ts',
  'commands/protect/renew-batch.ts',
];

const node = (...wrapper: readonly string[]): AgentProgram => ({
  command: [...wrapper, process.execPath, ...NODE_OPTIONS, PROGRAM],
  cwd: process.cwd(),
});

async function startTraced(t: TestContext, cluster: Cluster, protect: string) {
  const trace = createTrace(t);
  const options = ['--topology', topologyOf(t, cluster.lab), '--protect', protect];
  const more = ['--snapshot-interval', '1s', '--status-listen', '127.0.0.1:0', '--confirm-window', '300ms'];
  const agent = await cluster.startAgent([...options, ...more], node(...trace.wrapper));
  return { agent, trace };
}

/** Everything that an agent does: snapshots, lost entries, re-picks that are reset, live on or stall, pages, statistics. */
async function liveBusily(
  t: TestContext,
  { lab, client, target, node: onNode }: Cluster,
  agents: readonly Agent[],
) {
  const second = await startPeer(lab.clients[1]!);
  await Promise.all([
    client.connect({ ...target, count: COUNT }),
    second.connect({ ...target, count: COUNT }),
  ]);
  const [, renewing] = agents;
  await renewing!.until((s) => s.sum('renewals_total', { result: 'renewed' }) >= 4 * COUNT, 'renewed');
  for (const agent of agents) {
    const status = await agent.waitFor(({ event }) => event === 'status_listening');
    for (const path of ['/', '/api/v1/broken', '/api/v1/at-risk']) {
      assert.equal((await onNode.httpGet({ url: `${status['url']}${path}` })).status, 200, path);
    }
    for (const path of ['/metrics', '/healthz', '/readyz']) await agent.get(path);
  }
  await client.churn({ ...target, count: 20 });
  await lab.flush();
  await lab.drop(lab.servers[1]!, 'server');
  await Promise.all([client, second].map((peer) => sendOnAll(peer, 500)));
  for (const agent of agents) {
    await agent.until(
      (s) => s.sum('pickups_total') > 0 && s.sum('lost_entries_total') >= 2 * COUNT,
      'losses and re-picks',
    );
    await agent.until((s) => s.sum('flow_table_entries', { table: 'pending' }) === 0, 'all decided');
  }
  t.diagnostic(`${(await renewing!.samples()).sum('renewals_total', { result: 'renewed' })} renewals`);
}

/** Runs both kinds side by side in a cluster, and looks at every call they made. */
async function isHonest(t: TestContext, cluster: Cluster, family: 4 | 6): Promise<void> {
  const { lab } = cluster;
  await putIntoZone(lab, lab.clients[1]!, ZONE);
  const [off, renew] = await Promise.all([startTraced(t, cluster, 'off'), startTraced(t, cluster, 'renew')]);
  await liveBusily(t, cluster, [off.agent, renew.agent]);
  for (const { agent } of [off, renew]) {
    assert.equal(await agent.stop(), 0);
    assert.equal(agent.stderr(), '');
  }

  const reads = judge(await off.trace.calls(), { renewals: false });
  assert.deepEqual(reads.objections, []);
  assert.deepEqual(reads.groups, [GROUP_NEW, GROUP_DESTROY]);
  for (const kind of ['get', 'dump', 'statistics'])
    assert.ok(reads.sent[kind]! > 1, JSON.stringify(reads.sent));

  const calls = await renew.trace.calls();
  const writes = judge(calls, { renewals: true });
  assert.deepEqual(writes.objections, []);
  assert.deepEqual(writes.groups, [GROUP_NEW, GROUP_DESTROY]);
  assert.ok(writes.renewals.length >= 4 * COUNT);
  // The same calls without that permission: the updates, and they alone.
  const strict = judge(calls, { renewals: false });
  assert.ok(strict.objections.length > 0);
  assert.ok(strict.objections.every((each) => /^a message of type 0x100, flags 0x[15]: /.test(each)));
  const backends = new Set(lab.servers.map(({ ip }) => full(ip)));
  for (const { family: af, reply, zone, timeoutSeconds } of writes.renewals) {
    const client = lab.clients[zone === undefined ? 0 : 1]!;
    assert.deepEqual(
      [af, reply.protocol, reply.dst, zone, timeoutSeconds],
      [
        family === 4 ? 2 : 10,
        6,
        full(client.address),
        client === lab.clients[0] ? undefined : ZONE,
        ESTABLISHED_SECONDS,
      ],
    );
    assert.ok(backends.has(reply.src) && reply.sport === lab.servers[0]!.port, JSON.stringify(reply));
  }
  assert.ok(writes.renewals.some(({ zone }) => zone === ZONE) && writes.renewals.some(({ zone }) => !zone));

  const opened = (all: readonly { name: string; args: string }[]) =>
    WRITERS.filter((file) =>
      all.some(({ name, args }) => name === 'openat' && args.includes(`/src/${file}"`)),
    );
  assert.deepEqual(opened(await off.trace.calls()), [], 'what can write is not even read');
  assert.deepEqual(opened(calls), WRITERS);
}

test('with off every call only reads; with renew remaining times are set, and nothing else', {
  skip: skip || noStrace,
}, async (t) => {
  const options = { backends: 2, clients: 2, timeouts: { established: ESTABLISHED_SECONDS } };
  const [v4, v6] = await createClusters(t, [
    { ...options, family: 4, rules: 'iptables' },
    { ...options, family: 6, rules: 'nftables' },
  ]);
  await Promise.all([isHonest(t, v4!, 4), isHonest(t, v6!, 6)]);
});

/** IPv6 in full, as the messages are shown. */
function full(ip: string): string {
  if (!ip.includes(':')) return ip;
  const [head = '', tail = ''] = ip.split('::');
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => group.padStart(4, '0'));
  const [left, right] = [groups(head), groups(tail)];
  return [...left, ...new Array<string>(8 - left.length - right.length).fill('0000'), ...right].join(':');
}

test('what would change something is seen: each of these programs is objected to', {
  skip: skip || noStrace,
}, async (t) => {
  const { lab, client, target } = await createCluster(t, { backends: 1 });
  await client.connect({ ...target, count: 4 });
  const [{ localAddress, localPort } = { localAddress: '', localPort: 0 }] = await client.connections();
  const entry = [
    '-p',
    'tcp',
    '-s',
    localAddress,
    '-d',
    target.host,
    '--sport',
    `${localPort}`,
    '--dport',
    `${target.port}`,
  ];
  const file = join(mkdtempSync(join(tmpdir(), 'cw-writes-')), 'file');
  t.after(() => rmSync(join(file, '..'), { recursive: true }));
  const program = (text: string) => [process.execPath, '-e', text];
  const cases: readonly (readonly [RegExp, readonly string[]])[] = [
    [/type 0x102, flags/, ['conntrack', '-D', ...entry]],
    [/type 0x102, flags/, ['conntrack', '-F']],
    [/type 0x100, flags 0x605/, ['conntrack', '-I', ...entry, '-t', '50', '--state', 'ESTABLISHED']],
    [/type 0xa00, flags|type 0x10, flags/, ['nft', 'add', 'table', 'ip', 'more']],
    [
      /no rule allows it: openat\(.*O_WRONLY/,
      ['sh', '-c', 'echo 1 > /proc/sys/net/netfilter/nf_conntrack_events'],
    ],
    [/no rule allows it: openat\(.*O_CREAT/, program(`fs.writeFileSync(${JSON.stringify(file)}, '1')`)],
    [/no rule allows it: unlink/, program(`fs.unlinkSync(${JSON.stringify(file)})`)],
    [
      /no rule allows it: (clone3?|vfork|execve)\(|another program/,
      program("child_process.execFileSync('true')"),
    ],
    [
      /no rule allows it: connect\(/,
      program(`net.connect(${target.port}, '${target.host}').on('connect', () => process.exit())`),
    ],
    [/no rule allows it: kill\(/, program('process.kill(process.pid, 0)')],
  ];
  const assertObjected = async ([wanted, command]: (typeof cases)[number]) => {
    const trace = createTrace(t);
    const [executable = '', ...args] = [...trace.wrapper, ...command];
    const child = spawnIn(lab.node, executable, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    await ended(child);
    const { objections } = judge(await trace.calls(), { renewals: true });
    assert.ok(
      objections.some((each) => wanted.test(each)),
      `${command.join(' ')}: ${stderr}${objections.join('\n')}`,
    );
  };
  // One alone: what another one deletes it would not find.
  const [first, ...others] = cases;
  await assertObjected(first!);
  await Promise.all(others.map(assertObjected));
});

test('with off, what can write is in no script that V8 has, with and without the compile cache', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t, { backends: 1 });
  const topology = topologyOf(t, cluster.lab);
  const folder = mkdtempSync(join(tmpdir(), 'cw-coverage-'));
  t.after(() => rmSync(folder, { recursive: true }));
  let runs = 0;
  const loaded = async (protect: string) => {
    const scripts = join(folder, `scripts${runs++}`);
    const cache = `NODE_COMPILE_CACHE=${join(folder, 'cache')}`;
    const agent = await cluster.startAgent(
      ['--topology', topology, '--protect', protect],
      node('env', cache, `NODE_V8_COVERAGE=${scripts}`),
    );
    assert.equal(await agent.stop(), 0);
    const urls = readdirSync(scripts).flatMap((name) => {
      const { result } = JSON.parse(readFileSync(join(scripts, name), 'utf8')) as {
        result: { url: string }[];
      };
      return result.map(({ url }) => url);
    });
    assert.ok(
      urls.some((url) => url.endsWith('/src/commands/table/watch-table.ts')),
      'the scripts are told',
    );
    return WRITERS.filter((file) => urls.some((url) => url.endsWith(`/src/${file}`)));
  };
  // The second fills the cache with them, for the third.
  assert.deepEqual(await loaded('off'), []);
  assert.deepEqual(await loaded('renew'), WRITERS);
  assert.deepEqual(await loaded('off'), []);
});
