/** `tail` as a person uses it, on the real kernel: what it shows, what it leaves out, in which order. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { demoTopology } from '../../src/commands/demo/topology.ts';
import { PROGRAM } from '../../src/lab/agent-process.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { type Namespace, sysctl } from '../../src/lab/namespace.ts';
import { canonicalIp } from '../../src/lib/canonical-ip.ts';
import { createCluster, KINDS, sendOnAll, skip } from '../support/cluster.ts';
import { eventSocket, startTail } from '../support/tail-process.ts';
import { startTerminal } from '../support/terminal.ts';

const oneLine = /^conntrack-watchdog: [^\n]+\n$/;

/** The options that name this cluster. */
function namesOf(t: TestContext, lab: Lab): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'cluster.json');
  writeFileSync(file, JSON.stringify(demoTopology(lab)));
  return ['--node-name', 'demo-node', '--topology', `file:${file}`];
}

/** Runs it where it must end by itself. */
function runTail(namespace: Namespace, args: readonly string[], wrapper: readonly string[] = []) {
  const command = ['netns', 'exec', namespace.name, ...wrapper, process.execPath, PROGRAM, 'tail', ...args];
  const { status, stdout, stderr } = spawnSync('ip', command, { encoding: 'utf8', timeout: 20_000 });
  return { status, stdout, stderr };
}

const isEvent = (line: string) => /^\S+ +\[(?:NEW|UPDATE|DESTROY)\] /.test(line);
const kindOf = (line: string) => /\[\w+\] \w+ \S+|>>> [A-Z]+ [A-Z]+|>>> [A-Z]+ \w+/.exec(line)?.[0] ?? line;

/** Which backend a connection has, from the table. */
async function backendOf(lab: Lab, clientPort: number): Promise<string> {
  const table = await lab.conntrackList();
  const entry = table.split('\n').find((line) => line.includes(` sport=${clientPort} `));
  const [, reply] = [...(entry ?? '').matchAll(/ src=(\S+) /g)].map(([, ip]) => ip);
  return canonicalIp(reply ?? '') ?? assert.fail(`no connection from ${clientPort} in:\n${table}`);
}

describe('tail', { skip }, () => {
  for (const { name, ...kind } of KINDS) {
    test(`a flush: events and what follows from them, in order and with names: ${name}`, async (t) => {
      const { lab, client, target } = await createCluster(t, { ...kind, backends: 2 });
      const names = namesOf(t, lab);
      const [evidence, all] = await Promise.all([
        startTail(lab.node, names),
        startTail(lab.node, [...names, '--all']),
      ]);
      await client.connect({ ...target, count: 1 });
      const [connection] = await client.connections();
      // The old backend is none any more, so the next pick must be the other one.
      const old = await backendOf(lab, connection!.localPort);
      await lab.setBackends(lab.servers.filter(({ ip }) => ip !== old));
      await lab.flush();
      await sendOnAll(client);
      const isBroken = (line: string) => line.includes('BROKEN CONNECTION');
      const shown = await evidence.until(isBroken, 'broken connection');
      assert.deepEqual(shown.map(kindOf), [
        '[DESTROY] tcp ESTABLISHED',
        '>>> ENTRY LOST',
        '[NEW] tcp ESTABLISHED',
        '[DESTROY] tcp CLOSE',
        '>>> BROKEN CONNECTION',
      ]);
      assert.ok(
        eventSocket(all.child.pid!)!.groups === 0b111 && eventSocket(evidence.child.pid!)!.groups === 0b101,
      );

      const at = (ip: string, port: number) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
      const who = at(connection!.localAddress, connection!.localPort);
      const service = at(target.host, target.port);
      const [oldServer, newServer] = old === lab.servers[0]!.ip ? lab.servers : lab.servers.toReversed();
      const podOf = (ip: string) => `shop/redis-6b976b7d8b-${ip === lab.servers[0]!.ip ? 'a' : 'b'}`;
      const way = (ip: string, port: number) =>
        `${who} (shop/checkout-79d8f5c4b6-c, Deployment/checkout) -> ${service} (shop/redis:6379) -> ${at(ip, port)} (${podOf(ip)})`;
      const [lost = '', , pickup = '', , broken = ''] = shown;
      assert.ok(lost.includes(way(oldServer!.ip, oldServer!.port)), lost);
      assert.match(lost, / portid=\d+$/);
      assert.ok(pickup.endsWith(` [UNREPLIED] ${way(newServer!.ip, newServer!.port)}`), pickup);
      const start = `>>> BROKEN CONNECTION ${who} -> ${service}: Connection from shop/`;
      assert.ok(broken.includes(start), broken);

      const everything = await all.until(isBroken, 'broken connection');
      // Others are on the network as well, such as neighbour discovery.
      const ours = everything.filter((line) => line.includes(who)).map(kindOf);
      assert.deepEqual(ours, [
        '[NEW] tcp SYN_SENT',
        '[UPDATE] tcp SYN_RECV',
        '[UPDATE] tcp ESTABLISHED',
        ...shown.map(kindOf),
      ]);
      assert.deepEqual(await evidence.stop(), { code: 0, signal: null });
      assert.equal(evidence.stderr(), 'conntrack-watchdog: 3 events shown, 0 lost, 1 broken connection\n');
      assert.equal((await all.stop('SIGTERM')).code, 0);
    });
  }

  test('--json: an object a line, findings as the agent logs them', async (t) => {
    const cluster = await createCluster(t, { backends: 1, masquerade: 'none' });
    const { lab, client, target } = cluster;
    const names = namesOf(t, lab);
    const agent = await cluster.startAgent(names.slice(2));
    const tail = await startTail(lab.node, [...names.slice(2), '--node-name', 'node-1', '--json']);
    await client.connect({ ...target, count: 1 });
    // Nobody listens there: a reset.
    await lab.setBackends([{ ip: lab.outside.address, port: 9 }]);
    await lab.flush();
    await client.send();
    const lines = await tail.until((line) => line.includes('"connection_broken"'), 'broken connection');
    const objects = lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      objects.map(({ event }) => event),
      ['destroy', 'entry_lost', 'new', 'destroy', 'connection_broken'],
    );
    const logged = await agent.waitFor(({ event }) => event === 'connection_broken');
    const { time: _, level, evidence, ...fields } = logged as Record<string, unknown>;
    const { time, evidence: ownEvidence, ...own } = objects.at(-1);
    assert.equal(level, 'warn');
    assert.match(time, /^\d{4}-.*Z$/);
    // Each read the events at its own time.
    const timeless = (value: unknown) =>
      JSON.parse(JSON.stringify(value), (key, each) =>
        /^(?:at|lost_at|picked_up_at|verdict_after_ms|idle_seconds|msg)$/.test(key) ? typeof each : each,
      );
    assert.deepEqual(timeless(own), timeless(fields));
    assert.deepEqual(timeless(ownEvidence), timeless(evidence));
    assert.equal(objects[0].client.pod, 'checkout-79d8f5c4b6-c');
    assert.deepEqual(objects[0].original, ownEvidence[0].original);
  });

  test('filters: by Service, namespace, client and cause', async (t) => {
    const { lab, client, target } = await createCluster(t, { backends: 2 });
    const names = namesOf(t, lab);
    const start = (...args: string[]) => startTail(lab.node, [...names, ...args]);
    const shown = await Promise.all([
      start('--service', 'shop/redis', '--client', 'shop/Deployment/checkout'),
      start('--namespace', 'shop', '--client', lab.clients[0]!.address),
      start('--cause', 'deleted', '--client', 'shop/checkout-79d8f5c4b6-c'),
    ]);
    const hidden = await Promise.all([
      start('--service', 'shop/web'),
      start('--namespace', 'jobs'),
      start('--client', lab.outside.address),
      start('--cause', 'timeout'),
      start('--service', 'shop/redis', '--client', 'Node/demo-node'),
    ]);
    const witness = await start();
    await client.connect({ ...target, count: 3 });
    await lab.flush();
    await sendOnAll(client);
    const isLost = (line: string) => line.includes('ENTRY LOST (deleted');
    for (const tail of [...shown, witness]) {
      const lost = (lines: readonly string[]) => lines.filter(isLost).length;
      await tail.until(() => lost(tail.stdout().split('\n')) === 3, 'three lost entries');
    }
    for (const tail of [...shown, ...hidden, witness]) assert.equal((await tail.stop()).code, 0);
    const events = shown.map((tail) => tail.stdout().split('\n').filter(isEvent));
    const [byService, byNamespace, byCause] = events;
    assert.deepEqual([byService!.length, byCause!.length], [byNamespace!.length, 0]);
    assert.ok(byService!.length >= 6);
    for (const tail of hidden) {
      assert.equal(tail.stdout(), '');
      assert.match(tail.stderr(), /^conntrack-watchdog: 0 events shown, 0 lost, 0 broken connections\n$/);
    }
  });

  test('colours on a terminal, and not with NO_COLOR or --no-color', async (t) => {
    const { lab, client, target } = await createCluster(t, { backends: 2 });
    const onTerminal = (args: string, env: string) =>
      // script(1) gives it a terminal, and takes what it writes there.
      startTerminal(lab.node, `${env} exec ${process.execPath} ${PROGRAM} tail ${args}`);
    const terminals = [onTerminal('', ''), onTerminal('--no-color', ''), onTerminal('', 'NO_COLOR=1')];
    await Promise.all(terminals.map(({ listening }) => listening));
    await client.connect({ ...target, count: 1 });
    await lab.flush();
    const texts = await Promise.all(terminals.map(({ untilText }) => untilText('ENTRY LOST')));
    const [coloured = '', ...plain] = texts;
    assert.ok(coloured.includes('\u001b[33m      >>> ENTRY LOST (deleted'), coloured);
    for (const text of plain) assert.ok(!text.includes('\u001b'), text);
  });

  test('without CAP_NET_ADMIN, and with bad filters: one line on stderr, nothing on stdout', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const dropped = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    const rows = [
      [runTail(lab.node, [], dropped), 1, /not permitted; the capability NET_ADMIN is needed/],
      [runTail(lab.node, ['--service', 'redis']), 2, /--service "redis": not a Service; allowed is /],
      [runTail(lab.node, ['--service', 'shop/redis']), 2, /--service needs names.*give --topology/],
      [runTail(lab.node, ['--client', 'shop/checkout']), 2, /--client needs names/],
      [runTail(lab.node, ['--topology', 'file:/nowhere.yaml']), 2, /nowhere\.yaml.*ENOENT/],
      [runTail(lab.node, ['--proc', '/tmp']), 2, /--proc \/tmp: there is no sys\/net below it/],
    ] as const;
    for (const [{ status, stdout, stderr }, expected, sentence] of rows) {
      assert.deepEqual([status, stdout], [expected, ''], stderr);
      assert.match(stderr, oneLine);
      assert.match(stderr, sentence);
    }
  });

  test('events switched off: a warning on stderr, nothing on stdout', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_events', 0);
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_loose', 0);
    const tail = await startTail(lab.node, []);
    assert.equal((await tail.stop()).code, 0);
    assert.match(tail.stderr(), /Nothing can be seen: .*nf_conntrack_events is 0.*sysctl -w/);
    assert.match(tail.stderr(), /nf_conntrack_tcp_loose is 0/);
    assert.equal(tail.stdout(), '');
  });
});
