/** `doctor` on nodes of the lab: what is wrong with a node is said in the right line, and nothing is changed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { demoTopology } from '../../src/commands/demo/topology.ts';
import { createNamespaces, exec, type Namespace, sysctl } from '../../src/lab/namespace.ts';
import { createCluster, KINDS, skip } from '../support/cluster.ts';
import { assertNothingLeft } from '../support/leaks.ts';

const PROGRAM = join(import.meta.dirname, '../../src/main.ts');
const IDS = [
  'kernel',
  'events',
  'ctnetlink',
  'filter',
  'receive_buffer',
  'tcp_loose',
  'tcp_be_liberal',
  'timeouts',
  'proxy_mode',
  'table',
  'kernel_stats',
  'blind_entries',
  'timestamps',
  'zones',
  'processes',
  'names',
];
const WITHOUT_NET_ADMIN = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];

interface Check {
  readonly id: string;
  readonly title: string;
  readonly status: 'OK' | 'WARN' | 'FAIL';
  readonly seen: string;
  readonly why: string;
  readonly fix: string | null;
}

function run(at: Namespace, args: readonly string[], wrapper: readonly string[] = []) {
  const line = ['netns', 'exec', at.name, ...wrapper, process.execPath, PROGRAM, 'doctor', ...args];
  return spawnSync('ip', line, { encoding: 'utf8', timeout: 60_000 });
}

function doctor(at: Namespace, args: readonly string[] = [], wrapper: readonly string[] = []) {
  const { status, stdout, stderr } = run(at, ['--json', ...args], wrapper);
  assert.equal(stderr, '');
  const { checks, summary } = JSON.parse(stdout) as {
    checks: readonly Check[];
    summary: Record<string, unknown>;
  };
  const of = (id: string) => checks.find((check) => check.id === id)!;
  const ids = (wanted: string) => checks.filter((check) => check.status === wanted).map(({ id }) => id);
  assert.equal(status, ids('FAIL').length > 0 ? 3 : 0);
  return { status, checks, summary, of, fails: ids('FAIL'), warns: ids('WARN') };
}

/** A namespace with nothing in it. */
async function bareNode(t: TestContext): Promise<Namespace> {
  const namespaces = await createNamespaces(['node']);
  t.after(async () => {
    await namespaces.close();
    assertNothingLeft();
  });
  return namespaces.of.node;
}

/** A folder like /proc, but with a Service in IPVS, which few kernels of test machines have. */
function procWithIpvs(t: TestContext): string {
  const proc = mkdtempSync(join(tmpdir(), 'cw-test-'));
  t.after(() => rmSync(proc, { recursive: true }));
  for (const folder of ['net', 'sys/net/ipv4/vs']) mkdirSync(join(proc, folder), { recursive: true });
  for (const path of [
    'sys/net/netfilter',
    'sys/net/core',
    'sys/net/ipv4/tcp_keepalive_time',
    'kallsyms',
    'net/dev',
  ]) {
    symlinkSync(join('/proc', path), join(proc, path));
  }
  writeFileSync(join(proc, 'sys/net/ipv4/vs/sloppy_tcp'), '0\n');
  const lines = ['IP Virtual Server version 1.2.1 (size=4096)', 'Prot LocalAddress:Port Scheduler Flags'];
  writeFileSync(join(proc, 'net/ip_vs'), [...lines, 'TCP  0A600A0A:18EB rr ', ''].join('\n'));
  return proc;
}

/** Settings, rules and entries of a node; remaining times and references are left out. */
async function stateOf(node: Namespace) {
  const [sysctls, rules, legacy, entries] = await Promise.all([
    exec(node, 'sh', [
      '-c',
      'grep -rs . /proc/sys/net/netfilter /proc/sys/net/ipv4 /proc/sys/net/core || true',
    ]),
    exec(node, 'nft', ['-s', 'list', 'ruleset']),
    exec(node, 'sh', ['-c', 'cat /proc/net/ip_tables_names /proc/net/ip6_tables_names']),
    exec(node, 'conntrack', ['-L']),
  ]);
  assert.match(sysctls, /nf_conntrack_tcp_loose:1/);
  return {
    sysctls: sysctls.split('\n').sort(),
    rules,
    legacy,
    entries: entries
      .replaceAll(/^(\w+\s+\d+) \d+| use=\d+/gm, '$1')
      .split('\n')
      .sort(),
  };
}

/** With CI=true nothing is left out. */
function leaveOut(t: TestContext, why: string): void {
  assert.notEqual(process.env['CI'], 'true', why);
  t.skip(why);
}

describe('doctor', { skip }, () => {
  for (const { name, ...kind } of KINDS) {
    test(`a healthy node, ${name}: no FAIL, the mode is named, nothing changes`, async (t) => {
      const cluster = await createCluster(t, { ...kind, backends: 2 });
      const { lab, client, target } = cluster;
      await client.connect({ ...target, count: 3 });
      const before = await stateOf(lab.node);
      assert.ok(before.entries.length > 3);
      const { checks, of, summary } = doctor(lab.node);
      assert.deepEqual(await stateOf(lab.node), before);

      assert.deepEqual(
        checks.map(({ id }) => id),
        IDS,
      );
      assert.deepEqual(
        checks.filter(({ status }) => status === 'FAIL'),
        [],
      );
      assert.equal(summary['fail'], 0);
      assert.equal(of('proxy_mode').status, 'OK');
      const services = `mode ${kind.rules} \\(1 Service port\\)\\. 3 open connections`;
      assert.match(of('proxy_mode').seen, new RegExp(services));
      assert.equal(of('processes').status, 'OK');
      for (const { status, fix, seen, why } of checks) {
        assert.equal(fix === null, status === 'OK');
        assert.ok(seen !== '' && why !== '');
      }
    });
  }

  test('blind entries: a warning while nobody listens, none while an agent does', async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const { lab, client, target } = cluster;
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_events', 2);
    assert.match(doctor(lab.node).of('blind_entries').seen, /^0 connections/);
    await client.connect({ ...target, count: 2 });
    const alone = doctor(lab.node).of('blind_entries');
    assert.equal(alone.status, 'WARN');
    assert.match(alone.seen, /^2 connections through Services are open, and nobody listens now/);
    const agent = await cluster.startAgent();
    const { status, seen } = doctor(lab.node).of('blind_entries');
    assert.equal(status, 'OK');
    assert.match(seen, /a program listens \(port id \d+\)/);
    assert.equal(await agent.stop(), 0);
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_events', 1);
    assert.equal(doctor(lab.node).of('blind_entries').status, 'OK');
  });

  const faults: readonly (readonly [setting: string, value: number, id: string, seen: RegExp])[] = [
    ['net.netfilter.nf_conntrack_events', 0, 'events', /nf_conntrack_events is 0/],
    ['net.netfilter.nf_conntrack_tcp_loose', 0, 'tcp_loose', /no broken connection can be seen/],
  ];
  for (const [setting, value, id, seen] of faults) {
    test(`${setting}=${value} fails, and its fix helps`, async (t) => {
      const { lab } = await createCluster(t, { backends: 1 });
      await sysctl(lab.node, setting, value);
      const { status, fails, of } = doctor(lab.node);
      assert.deepEqual([status, fails], [3, [id]]);
      assert.match(of(id).seen, seen);
      const [command] = of(id).fix!.split('\n');
      assert.match(command!, new RegExp(`^sysctl -w ${setting}=1$`));
      await sysctl(lab.node, setting, 1);
      assert.equal(doctor(lab.node).status, 0);
    });
  }

  test('timeouts below the keepalive time warn', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_timeout_established', 600);
    const { status, warns, of } = doctor(lab.node);
    assert.deepEqual([status, warns.includes('timeouts')], [0, true]);
    assert.match(
      of('timeouts').seen,
      /breaks first after 10 min \(600 s\).*2 h \(7200 s\), which is too late/,
    );
    await sysctl(lab.node, 'net.ipv4.tcp_keepalive_time', 300);
    assert.equal(doctor(lab.node).of('timeouts').status, 'OK');
  });

  test('without NET_ADMIN: the capability fails, the rest says that it cannot know', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const { status, fails, warns, of } = doctor(lab.node, [], WITHOUT_NET_ADMIN);
    assert.deepEqual([status, fails], [3, ['ctnetlink', 'receive_buffer']]);
    assert.match(of('ctnetlink').seen, /not permitted; the capability NET_ADMIN is needed/);
    assert.match(of('ctnetlink').fix!, /add: \[NET_ADMIN\]/);
    for (const id of ['proxy_mode', 'kernel_stats', 'blind_entries', 'zones']) {
      assert.ok(warns.includes(id), id);
    }
    assert.match(of('proxy_mode').seen, /cannot be read: .*not permitted/);
  });

  test('NET_ADMIN in a user namespace of its own is not enough for the receive buffer', async (t) => {
    const unshare = ['unshare', '--user', '--map-root-user', '--net'];
    if (spawnSync(unshare[0]!, [...unshare.slice(1), 'true']).status !== 0) {
      return leaveOut(t, 'no user namespace can be made here');
    }
    const { status, fails, of } = doctor(await bareNode(t), [], unshare);
    assert.deepEqual([status, fails.includes('receive_buffer')], [3, true]);
    assert.match(of('receive_buffer').seen, /initial user namespace/);
    assert.equal(of('ctnetlink').status, 'OK');
    assert.equal(of('filter').status, 'OK');
  });

  test('processes of its own container only', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const alone = ['unshare', '--pid', '--fork', '--mount-proc'];
    const { status, of } = doctor(lab.node, [], alone);
    assert.deepEqual([status, of('processes').status], [0, 'WARN']);
    assert.match(
      of('processes').seen,
      /shows 1 process in 1 network namespace: only those of this container.* --protect renew protects no/,
    );
    assert.match(of('processes').fix!, /hostPID: true/);
  });

  test('IPVS, as /proc shows it: a warning, and its timeout is the smallest; without conntrack it is blind', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const proc = procWithIpvs(t);
    writeFileSync(join(proc, 'sys/net/ipv4/vs/conntrack'), '1\n');
    const seen = doctor(lab.node, ['--proc', proc]);
    assert.equal(seen.status, 0);
    assert.equal(seen.of('proxy_mode').status, 'WARN');
    assert.match(seen.of('proxy_mode').seen, /^IPVS \(1 Service port\).*--protect renew cannot protect/);
    assert.equal(seen.of('timeouts').status, 'WARN');
    assert.match(seen.of('timeouts').seen, /breaks first after 15 min \(900 s\), by IPVS/);
    writeFileSync(join(proc, 'sys/net/ipv4/vs/conntrack'), '0\n');
    const blind = doctor(lab.node, ['--proc', proc]);
    assert.deepEqual([blind.status, blind.fails], [3, ['proxy_mode']]);
    assert.match(blind.of('proxy_mode').seen, /net\.ipv4\.vs\.conntrack is 0.*blind/);
  });

  test('what cannot be read is a warning, and the rest is checked', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    const proc = procWithIpvs(t);
    rmSync(join(proc, 'net/dev'));
    const { status, of } = doctor(lab.node, ['--proc', proc]);
    assert.equal(status, 0);
    assert.equal(of('proxy_mode').status, 'WARN');
    assert.match(of('proxy_mode').seen, /^The check could not be made: ENOENT.*net\/dev/);
    assert.equal(of('table').status, 'OK');
  });

  test('a node without any rule: nothing is translated here', async (t) => {
    const node = await bareNode(t);
    const { status, of } = doctor(node);
    assert.equal(status, 0);
    assert.equal(of('proxy_mode').status, 'WARN');
    assert.match(
      of('proxy_mode').seen,
      /no netfilter DNAT of kube-proxy, and no IPVS: nothing is translated/,
    );
  });

  test('a node without any rule, but with the interfaces of Cilium: blind', async (t) => {
    const node = await bareNode(t);
    await exec(node, 'ip', ['link', 'add', 'cilium_host', 'type', 'veth', 'peer', 'name', 'cilium_net']);
    const { status, fails, of } = doctor(node);
    assert.deepEqual([status, fails], [3, ['proxy_mode']]);
    assert.match(
      of('proxy_mode').seen,
      /^Cilium is here \(interface cilium_\w+\).*This tool is blind on this node/,
    );
  });

  test('chains of kube-proxy without a Service', async (t) => {
    const node = await bareNode(t);
    await exec(node, 'nft', ['add table ip nat; add chain ip nat KUBE-SERVICES']);
    assert.match(doctor(node).of('proxy_mode').seen, /\(iptables\) are there, but none of a Service/);
    await exec(node, 'nft', [
      'delete table ip nat; add table ip6 kube-proxy; add chain ip6 kube-proxy services',
    ]);
    assert.match(doctor(node).of('proxy_mode').seen, /\(nftables\) are there, but none of a Service/);
  });

  for (const tool of ['iptables-legacy', 'ip6tables-legacy']) {
    test(`chains that ${tool} made; to ask makes no table`, async (t) => {
      const node = await bareNode(t);
      const works = await exec(node, tool, ['-t', 'nat', '-N', 'KUBE-SERVICES']).then(
        () => true,
        () => false,
      );
      if (!works) return leaveOut(t, `${tool} is not installed, or the kernel has no tables for it`);
      await exec(node, tool, ['-t', 'nat', '-N', 'KUBE-SVC-A2GINCSAJTBNF4R3']);
      await exec(node, tool, ['-t', 'nat', '-A', 'KUBE-SVC-A2GINCSAJTBNF4R3', '-p', 'tcp', '-j', 'RETURN']);
      const before = await stateOf(node);
      const { status, seen } = doctor(node).of('proxy_mode');
      assert.equal(status, 'OK');
      assert.match(seen, /mode iptables \(1 Service port\)/);
      assert.deepEqual(await stateOf(node), before);
      assert.equal(before.legacy, 'nat\n');
    });
  }

  test('zones are seen', async (t) => {
    const { lab, client, target } = await createCluster(t, { backends: 1 });
    const rule = 'ct zone set 7';
    await exec(lab.node, 'nft', [
      `add table inet zones; add chain inet zones pre { type filter hook prerouting priority -300; }; add rule inet zones pre ${rule}`,
    ]);
    await client.connect({ ...target, count: 1 });
    assert.equal(doctor(lab.node).of('zones').seen, 'Open connections are in zone 7.');
  });

  test('names from a file: what it has, whether it knows this node, and that it cannot be read', async (t) => {
    const { lab } = await createCluster(t, { backends: 2 });
    const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'cluster.json');
    writeFileSync(file, JSON.stringify(demoTopology(lab)));
    const check = (path: string, node: string) => {
      const found = doctor(lab.node, ['--topology', `file:${path}`, '--node-name', node]);
      return { exit: found.status, ...found.of('topology_file') };
    };
    const known = check(file, 'demo-node');
    assert.deepEqual([known.exit, known.status], [0, 'OK']);
    assert.match(known.seen, /has 1 Service, 2 endpoints and 3 pods; "demo-node" is among its nodes/);
    const other = check(file, 'node-9');
    assert.deepEqual([other.exit, other.status], [0, 'WARN']);
    assert.match(other.seen, /on a node "node-9" \(there are demo-node\)/);
    const missing = check(join(folder, 'missing.yaml'), 'demo-node');
    assert.deepEqual([missing.exit, missing.status], [3, 'FAIL']);
    assert.match(missing.seen, /ENOENT.*missing\.yaml/);
    writeFileSync(file, '{"kind": "List", "items": [{"kind": "Service"');
    const broken = check(file, 'demo-node');
    assert.deepEqual([broken.exit, broken.status], [3, 'FAIL']);
    assert.match(broken.seen, /cluster\.json.*broken JSON/);
  });

  test('text has the same statuses as JSON, and a reader that goes away is none of its business', async (t) => {
    const { lab } = await createCluster(t, { backends: 1 });
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_events', 0);
    const { checks } = doctor(lab.node);
    const { status, stdout, stderr } = run(lab.node, []);
    assert.deepEqual([status, stderr], [3, '']);
    assert.equal(stdout, stripVTControlCharacters(stdout), 'no terminal, no colours');
    const paragraphs = stdout.matchAll(/^(OK|WARN|FAIL) +(.+)\n {6}\S/gm);
    assert.deepEqual(
      [...paragraphs].map(([, word, title]) => `${word} ${title}`),
      checks.map((check) => `${check.status} ${check.title}`),
    );
    assert.match(stdout, /\n {6}Fix:\n {10}sysctl -w net\.netfilter\.nf_conntrack_events=1\n/);
    const piped = `"$0" "$1" doctor; echo "status $?" >&2`;
    const cut = spawnSync(
      'ip',
      ['netns', 'exec', lab.node.name, 'sh', '-c', `{ ${piped}; } | head -1`, process.execPath, PROGRAM],
      { encoding: 'utf8' },
    );
    assert.deepEqual([cut.stdout, cut.stderr], ['OK    kernel version\n', 'status 3\n']);
  });

  test('bad usage: one line, exit 2', async (t) => {
    const node = await bareNode(t);
    const cases = [
      ['--proc', '/tmp'],
      ['--topology', 'elsewhere'],
      ['--receive-buffer', '1'],
      ['--listen', '0:0'],
    ];
    for (const args of cases) {
      const { status, stdout, stderr } = run(node, args);
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /^conntrack-watchdog: .+\n$/);
      assert.ok(stderr.includes(args[0]!));
    }
  });
});
