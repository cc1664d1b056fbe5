/** In a pod: the server is in the environment, and the credentials are where the kubelet puts them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import type { ApiObject } from '../support/api-objects.ts';
import { ApiServer } from '../support/api-server.ts';
import { makeAuthority, makeCertificates } from '../support/certificates.ts';
import { service } from '../unit/enrich/kubernetes-objects.ts';
import { until } from './harness.ts';

const PROGRAM = join(import.meta.dirname, '../support/watch-process.ts');
/** A mount namespace of its own, as containers have: $1 appears where pods have their service account. */
const AS_POD = `
  mount -t tmpfs none /var/run
  mkdir -p /var/run/secrets/kubernetes.io/serviceaccount
  mount --bind "$1" /var/run/secrets/kubernetes.io/serviceaccount
  shift
  exec "$@"`;
const isPossible = process.platform === 'linux' && process.getuid?.() === 0;
const skip =
  !isPossible && process.env['CI'] !== 'true' && 'a mount namespace of its own needs Linux and root';

interface Line {
  readonly synced?: string;
  readonly problem?: string;
  readonly services?: readonly string[];
  readonly error?: string;
  readonly skippedMs?: number;
}

interface Pod {
  readonly lines: readonly Line[];
  /** As the kubelet does: a new folder, and a link that is swapped. */
  mount(files: Readonly<Record<string, string>>): void;
  /** Resolves when its clock has moved forward. */
  skipMs(ms: number): Promise<void>;
  start(env: Readonly<Record<string, string>>): void;
}

function makePod(t: TestContext): Pod {
  const folder = mkdtempSync(join(tmpdir(), 'cw-pod-'));
  const lines: Line[] = [];
  let child: ChildProcess | undefined;
  let versions = 0;
  t.after(async () => {
    if (child && child.exitCode === null) {
      const ended = once(child, 'exit');
      child.stdin!.end();
      await ended;
    }
    rmSync(folder, { recursive: true });
  });
  return {
    lines,
    mount(files) {
      const version = `..version-${++versions}`;
      mkdirSync(join(folder, version));
      for (const [name, text] of Object.entries(files)) {
        writeFileSync(join(folder, version, name), text);
        if (versions === 1) symlinkSync(`..data/${name}`, join(folder, name));
      }
      symlinkSync(version, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    },
    async skipMs(ms) {
      child!.stdin!.write(`${ms}\n`);
      await until(() => lines.some(({ skippedMs }) => skippedMs === ms), 'the clock moved');
    },
    start(env) {
      const { KUBERNETES_SERVICE_HOST: _host, KUBERNETES_SERVICE_PORT: _port, ...rest } = process.env;
      const args = ['-m', 'sh', '-ec', AS_POD, 'sh', folder, process.execPath, PROGRAM];
      const stdio = ['pipe', 'pipe', 'inherit'] as const;
      child = spawn('unshare', args, { env: { ...rest, ...env }, stdio: [...stdio] });
      createInterface({ input: child.stdout! }).on('line', (line) => lines.push(JSON.parse(line)));
    },
  };
}

async function startServer(t: TestContext, host = '127.0.0.1') {
  const server = new ApiServer(makeCertificates(makeAuthority()));
  await server.start(0, host);
  t.after(() => server.stop());
  const env = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: `${server.port}` };
  return { server, env };
}

const isSynced = ({ lines }: Pod) => lines.filter(({ synced }) => synced !== undefined).length === 3;
const web = service('web', { clusterIP: '10.108.0.9', ports: [{ port: 80 }] }) as ApiObject;

test('the server is found, shown the token, and believed for its certificate', { skip }, async (t) => {
  const { server, env } = await startServer(t);
  server.put('services', web);
  const pod = makePod(t);
  pod.mount({ 'ca.crt': server.certificates.ca, token: 'secret', namespace: 'shop' });
  pod.start(env);
  await until(
    () => isSynced(pod),
    'synced',
    () => pod.lines,
  );
  assert.deepEqual(
    pod.lines.find(({ services }) => services),
    { services: ['web'] },
  );
  assert.deepEqual(
    new Set(server.requests.map(({ authorization }) => authorization)),
    new Set(['Bearer secret']),
  );
});

test('a rotated token is read within a minute, and at once when the old one is refused', {
  skip,
}, async (t) => {
  const { server, env } = await startServer(t);
  const files = { 'ca.crt': server.certificates.ca, namespace: 'shop' };
  const pod = makePod(t);
  pod.mount({ ...files, token: 'secret' });
  pod.start(env);
  await until(
    () => server.watches === 3,
    'three watches',
    () => pod.lines,
  );

  // The kubelet rotates long before the old one ends.
  pod.mount({ ...files, token: 'second' });
  server.tokens.add('second');
  await pod.skipMs(61_000);
  server.endWatches();
  const last = () => server.requests.slice(-3).map(({ authorization }) => authorization);
  await until(
    () => server.requests.length === 9 && server.watches === 3,
    'new watches',
    () => pod.lines,
  );
  assert.deepEqual(last(), Array(3).fill('Bearer second'));

  pod.mount({ ...files, token: 'third' });
  server.tokens.clear();
  server.tokens.add('third');
  server.dropConnections();
  await until(
    () => server.watches === 3 && last().every((token) => token === 'Bearer third'),
    'the third token',
  );
  server.put('services', web);
  await until(
    () => pod.lines.some(({ services }) => services?.includes('web')),
    'the Service',
    () => pod.lines,
  );
});

test('a server that another authority signed for is not shown the token', { skip }, async (t) => {
  const { server, env } = await startServer(t);
  const pod = makePod(t);
  pod.mount({ 'ca.crt': makeAuthority().ca, token: 'secret', namespace: 'shop' });
  pod.start(env);
  await until(
    () => pod.lines.filter(({ problem }) => problem).length === 3,
    'said',
    () => pod.lines,
  );
  for (const { problem } of pod.lines) assert.match(`${problem}`, /^list \S+: .*(signature|certificate)/);
  assert.deepEqual(server.requests, []);
});

test('an IPv6 cluster', { skip }, async (t) => {
  const { server, env } = await startServer(t, '::1');
  const pod = makePod(t);
  pod.mount({ 'ca.crt': server.certificates.ca, token: 'secret', namespace: 'shop' });
  pod.start(env);
  await until(
    () => isSynced(pod),
    'synced',
    () => pod.lines,
  );
});

test('where there is no cluster that is an error; without a token it is a problem that says where', {
  skip,
}, async (t) => {
  const nowhere = makePod(t);
  nowhere.start({});
  await until(() => nowhere.lines.length > 0, 'an error');
  assert.deepEqual(nowhere.lines, [
    {
      error:
        'ClusterConfigError: not in a cluster: $KUBERNETES_SERVICE_HOST and $KUBERNETES_SERVICE_PORT do not say where the API server is',
    },
  ]);

  const { server, env } = await startServer(t);
  const pod = makePod(t);
  pod.start(env);
  await until(() => pod.lines.length >= 3, 'problems');
  const [{ problem }] = pod.lines as [Line];
  assert.match(
    `${problem}`,
    /^list \S+: ENOENT: no such file or directory, open '\/var\/run\/secrets\/kubernetes\.io\/serviceaccount\/ca\.crt'$/,
  );
  assert.deepEqual(server.requests, []);
  pod.mount({ 'ca.crt': server.certificates.ca, token: 'secret', namespace: 'shop' });
  await until(
    () => isSynced(pod),
    'synced when the files are there',
    () => pod.lines,
  );
});
