/** What `npm run build` makes, in a folder where nothing else is, with nothing in the environment. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENTRY_POINTS } from '../../build/bundle.ts';
import { type AgentProgram, NODE_OPTIONS } from '../../src/lab/agent-process.ts';
import { createCluster, sendOnAll, skip } from '../support/cluster.ts';

const TOP = join(import.meta.dirname, '../..');
const NODE = realpathSync(process.execPath);
const EPOCH = '1790000000';
const MAX_IDLE_MB = 100;
/** As the Dockerfile has it start; `env -i` leaves nothing of this process's environment. */
const BARE = ['env', '-i', 'PATH=/usr/bin:/bin', 'MALLOC_ARENA_MAX=1'];
/** As the container's security context has it: nothing to write to, root with one capability and no way to another. */
const CONFINED = [
  ...['sh', '-c', 'mount -o remount,bind,ro / && if touch main.js 2>&-; then exit 9; fi; exec "$@"', 'sh'],
  ...['setpriv', '--bounding-set=-all,+net_admin', '--inh-caps=-all', '--no-new-privs'],
];

/** A text of kernel/renewal-socket.ts and of nothing else. */
const WRITES = 'an entry to renew is named by its reply tuple and its zone';

/** What belongs to the kernel, or is read by the C library and by Node.js itself. */
const SYSTEM =
  /^\/(proc|sys|dev|lib|lib64|usr\/lib|usr\/share)(\/|$)|^\/etc\/(ld\.so\.cache|ssl\/openssl\.cnf|localtime|(resolv|nsswitch|host|gai)\.conf|hosts)$/;

const work = mkdtempSync(join(tmpdir(), 'cw-dist-'));
after(() => rmSync(work, { recursive: true, force: true }));

/** Where it is built, and where it then runs. */
const built = join(work, 'built');
const home = join(work, 'home');
const program = (wrapper: readonly string[] = []): AgentProgram => ({
  command: [...wrapper, ...BARE, NODE, ...NODE_OPTIONS, 'main.js'],
  cwd: home,
});

function build(folder: string, env: NodeJS.ProcessEnv = {}) {
  const options = { encoding: 'utf8', env: { ...process.env, SOURCE_DATE_EPOCH: EPOCH, ...env } } as const;
  return spawnSync('sh', [join(TOP, 'scripts/build'), folder], options);
}

function run(...args: readonly string[]) {
  const [command = '', ...before] = program().command;
  const { status, stdout, stderr } = spawnSync(command, [...before, ...args], {
    cwd: home,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .toSorted();
}

before(() => {
  const { status, stdout, stderr } = build(built);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\d kB {2}in all/);
  cpSync(built, home, { recursive: true, preserveTimestamps: true });
  for (let folder = home; folder !== dirname(folder); folder = dirname(folder)) {
    assert.ok(!readdirSync(folder).includes('node_modules'), `${folder} has a node_modules`);
  }
});

describe('dist', () => {
  test('holds the program, its notices, and addons for two architectures; nothing else', () => {
    const files = filesOf(built);
    const scripts = files.filter((name) => name.endsWith('.js'));
    for (const name of Object.keys(ENTRY_POINTS)) assert.ok(scripts.includes(`${name}.js`), name);
    assert.deepEqual(
      files.filter((name) => !name.endsWith('.js')),
      [
        'LICENSES',
        'conntrack-watchdog',
        'native/koffi-linux-arm64.node',
        'native/koffi-linux-x64.node',
        'native/netlink-linux-arm64.node',
        'native/netlink-linux-x64.node',
        'package.json',
      ],
    );
    // The machine's number in the ELF header: 62 is x86-64, 183 is AArch64.
    for (const name of files.filter((each) => each.endsWith('.node'))) {
      const machine = readFileSync(join(built, name)).readUInt16LE(18);
      assert.equal(machine, name.includes('arm64') ? 183 : 62, name);
    }
  });

  test('LICENSES names every package that is in it, with its terms', () => {
    const text = readFileSync(join(built, 'LICENSES'), 'utf8');
    for (const name of ['koffi', 'netlink', 'fastify', 'pino', 'prom-client', 'yaml', 'node-addon-api']) {
      assert.match(text, new RegExp(`^-+\\n${name} \\d+\\.\\d+\\.\\d+ \\([\\w.-]+\\)\\n\\n\\S`, 'm'), name);
    }
    assert.match(text, /Permission is hereby granted/);
    assert.doesNotMatch(text, /^(esbuild|typescript) /m);
    // What the Kubernetes client would bring and nobody calls: 10 MB of memory on every node.
    assert.match(text, /^@kubernetes\/client-node /m);
    assert.doesNotMatch(text, /^undici /m);
  });

  test('the same again, byte for byte and second for second, under another umask and name', () => {
    const again = join(work, 'again, elsewhere');
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', 'umask 077; exec sh "$@"', 'sh', join(TOP, 'scripts/build'), again],
      {
        encoding: 'utf8',
        env: { ...process.env, SOURCE_DATE_EPOCH: EPOCH, TZ: 'Asia/Kolkata' },
      },
    );
    assert.equal(status, 0, stderr);
    assert.deepEqual(filesOf(again), filesOf(built));
    for (const name of filesOf(built)) {
      assert.ok(readFileSync(join(again, name)).equals(readFileSync(join(built, name))), name);
      const [one, other] = [statSync(join(built, name)), statSync(join(again, name))];
      assert.deepEqual([one.mtimeMs, one.mode], [Number(EPOCH) * 1000, other.mode], name);
      assert.equal(other.mtimeMs, one.mtimeMs, name);
    }
  });

  test('no path of the building machine is in it', () => {
    for (const name of filesOf(built).filter((each) => !each.endsWith('.node'))) {
      const text = readFileSync(join(built, name), 'utf8');
      for (const path of [TOP, work]) assert.ok(!text.includes(path), `${name} has ${path}`);
    }
  });

  test('a bad SOURCE_DATE_EPOCH, or a folder with something in it: one line, and nothing is touched', () => {
    const bad = build(join(work, 'never'), { SOURCE_DATE_EPOCH: 'today' });
    assert.deepEqual([bad.status, bad.stdout], [1, '']);
    assert.match(bad.stderr, /^build: SOURCE_DATE_EPOCH must be .*"today"\n$/);
    const before = filesOf(built);
    const full = build(built);
    assert.equal(full.status, 1);
    assert.match(full.stderr, /^build: .* is not empty\n$/);
    assert.deepEqual(filesOf(built), before);
  });

  test('runs: version, help, bad usage', () => {
    const { version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8'));
    assert.deepEqual(run('--version'), { status: 0, stdout: `conntrack-watchdog ${version}\n`, stderr: '' });
    const help = run('--help');
    assert.deepEqual([help.status, help.stderr], [0, '']);
    assert.match(help.stdout, /^ {2}agent [\s\S]*^ {2}demo [\s\S]*^ {2}audit /m);
    assert.equal(run('agent', '--colour').status, 2);
  });

  test('has a command for whoever comes into the pod', () => {
    const { version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8'));
    const command = join(home, 'conntrack-watchdog');
    const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
    assert.equal(
      spawnSync(command, ['--version'], { env, encoding: 'utf8' }).stdout,
      `conntrack-watchdog ${version}\n`,
    );
    assert.ok(readFileSync(command, 'utf8').includes(`node ${NODE_OPTIONS.join(' ')} `));
  });
});

describe('the agent from dist', { skip }, () => {
  test('finds a break with one capability and nothing to write to, and is small when idle', async (t) => {
    const cluster = await createCluster(t, { backends: 2 });
    const agent = await cluster.startAgent(['--confirm-window', '500ms'], program(CONFINED));
    const status = () => readFileSync(`/proc/${agent.pid}/status`, 'utf8');
    assert.match(status(), /^CapEff:\s+0000000000001000$/m);
    assert.match(status(), /^NoNewPrivs:\s+1$/m);
    await sleep(5000);
    const megabytes = Number(/^VmRSS:\s+(\d+)/m.exec(status())![1]) / 1000;
    t.diagnostic(`${megabytes} MB resident, idle`);
    assert.ok(megabytes <= MAX_IDLE_MB, `${megabytes} MB resident`);

    const { lab, client, target } = cluster;
    await lab.setBackends([lab.servers[0]!]);
    await client.connect({ ...target, count: 1 });
    await lab.setBackends([lab.servers[1]!]);
    await lab.flush();
    assert.equal((await sendOnAll(client)).reset, 1);
    const line = await agent.waitFor(({ event }) => event === 'connection_broken');
    assert.deepEqual(
      [line['cause'], line['outcome'], line['mapping']],
      ['deleted', 'reset', 'backend_changed'],
    );
    await agent.until((s) => s.sum('broken_connections_total') === 1, 'counted');
    assert.equal(await agent.stop(), 0);
    assert.equal(agent.stderr(), '');
  });

  test('the demo, which starts other entry points, runs from there too', () => {
    const lab = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', NODE, 'main.js', 'demo'];
    const { status, stdout, stderr } = spawnSync(lab[0]!, lab.slice(1), { cwd: home, encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /What the agent logged[\s\S]*exit status 0/);
  });

  test('reads no file but its own, and writes none', { skip: which('strace') }, async (t) => {
    const cluster = await createCluster(t, { backends: 1 });
    const trace = join(work, 'trace');
    const strace = ['strace', '-D', '-f', '-qq', '-e', 'trace=open,openat,creat,mkdir,mkdirat', '-o', trace];
    const agent = await cluster.startAgent([], program(strace));
    await agent.samples();
    assert.equal(await agent.stop(), 0);
    const calls = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => / = \d+$/.test(line))
      .map((line) => ({ line, path: /"([^"]*)"/.exec(line)![1]! }));
    const own = calls.filter(({ path }) => path.startsWith(home));
    assert.ok(
      own.some(({ path }) => path === join(home, 'native/koffi-linux-x64.node')) || process.arch !== 'x64',
    );
    // What can write to the kernel is in a file of its own, which is not read without --protect renew.
    const writers = filesOf(built).filter((name) => readFileSync(join(built, name), 'utf8').includes(WRITES));
    assert.equal(writers.length, 1);
    assert.ok(own.every(({ path }) => path !== join(home, writers[0]!)));
    const others = calls.filter(
      (call) => !own.includes(call) && call.path !== NODE && !SYSTEM.test(call.path),
    );
    assert.deepEqual(others, []);
    const written = calls.filter(
      ({ line, path }) => /O_WRONLY|O_RDWR|O_CREAT|mkdir/.test(line) && !path.startsWith('/dev/'),
    );
    assert.deepEqual(written, []);
  });
});

/** False, or why a test that needs the program is left out. */
function which(command: string): string | false {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`]);
    return false;
  } catch {
    return `${command} is not installed`;
  }
}
