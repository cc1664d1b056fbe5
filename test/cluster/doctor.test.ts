/** What `doctor` says of the API server. What it says of the kernel is in test/kernel/doctor.test.ts. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { clusterAt, kubeconfigOf } from '../support/kubeconfig.ts';
import { createHarness, type Harness } from './harness.ts';

const PROGRAM = join(import.meta.dirname, '../../src/main.ts');

interface Check {
  readonly id: string;
  readonly status: string;
  readonly seen: string;
  readonly fix: string | null;
}

/** Runs it in a process of its own, as the server is in this one. Returns its checks of the API server by id. */
async function doctor(kubeconfig: string, nodeName = 'node-a') {
  const args = [PROGRAM, 'doctor', '--json', '--kubeconfig', kubeconfig, '--node-name', nodeName];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
  const about = checks.filter(({ id }) => id.startsWith('api_') || ['node_name', 'names'].includes(id));
  return { status, checks: Object.fromEntries(about.map((check) => [check.id, check])) };
}

function statuses({ checks }: Awaited<ReturnType<typeof doctor>>) {
  return Object.values(checks).map(({ id, status }) => `${id} ${status}`);
}

/** What was written to the server, Events included. */
const objects = ({ server }: Harness) => server.names();

test('with all rights', async (t) => {
  const harness = await createHarness(t);
  const before = objects(harness);
  assert.ok(before.length > 0);
  assert.deepEqual(statuses(await doctor(harness.kubeconfig)), [
    'api_server OK',
    'api_services OK',
    'api_endpointslices OK',
    'api_pods OK',
    'api_events OK',
    'node_name OK',
  ]);
  assert.deepEqual(objects(harness), before, 'nothing was made');
  assert.deepEqual(
    harness.server.requests.map(({ verb, kind, query }) => `${verb} ${kind} ${query}`),
    ['list pods fieldSelector=spec.nodeName%3Dnode-a&limit=1'],
  );
});

test('without rights: which ones, and what to apply; it exits with 3', async (t) => {
  const harness = await createHarness(t);
  for (const what of ['list services', 'watch endpointslices', 'list pods', 'watch pods', 'patch events']) {
    harness.server.denied.add(what);
  }
  const found = await doctor(harness.kubeconfig);
  assert.equal(found.status, 3);
  assert.deepEqual(statuses(found), [
    'api_server OK',
    'api_services FAIL',
    'api_endpointslices WARN',
    'api_pods FAIL',
    'api_events WARN',
  ]);
  assert.match(found.checks['api_pods']!.seen, /: get; not list, watch: nothing of the kind is known/);
  assert.match(found.checks['api_services']!.fix!, /kubectl apply -f deploy\/base\/cluster-role\.yaml/);
  assert.match(found.checks['api_events']!.fix!, /deploy\/components\/kubernetes-events\/cluster-role\.yaml/);
});

test('under a name that no node has', async (t) => {
  const harness = await createHarness(t);
  const { checks } = await doctor(harness.kubeconfig, 'nowhere');
  assert.equal(checks['node_name']!.status, 'WARN');
  assert.match(checks['node_name']!.seen, /no pod on a node "nowhere"/);
});

test('a server that is not there, that refuses the token, a kubeconfig that is none', async (t) => {
  const { server, kubeconfig, folder, tokenFile } = await createHarness(t);
  writeFileSync(tokenFile, 'wrong\n');
  const refused = await doctor(kubeconfig);
  assert.deepEqual([refused.status, ...statuses(refused)], [3, 'api_server FAIL']);
  assert.match(refused.checks['api_server']!.seen, /401 Unauthorized/);
  await server.stop();
  const away = await doctor(kubeconfig);
  assert.deepEqual([away.status, ...statuses(away)], [3, 'api_server FAIL']);
  assert.match(away.checks['api_server']!.seen, /ECONNREFUSED/);
  const missing = await doctor(join(folder, 'missing'));
  assert.deepEqual([missing.status, ...statuses(missing)], [3, 'api_server FAIL']);
  assert.match(missing.checks['api_server']!.seen, /missing.*ENOENT/);
});

test('a server that never answers does not hold back who wants to end it: one line, exit 1', async (t) => {
  const { folder, authority } = await createHarness(t, { started: false });
  const silent = createServer();
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const kubeconfig = join(folder, 'silent');
  const { port } = silent.address() as AddressInfo;
  const cluster = clusterAt(`https://127.0.0.1:${port}`, authority.ca);
  writeFileSync(kubeconfig, kubeconfigOf(cluster, { token: 'secret' }));
  const child = spawn(process.execPath, [PROGRAM, 'doctor', '--kubeconfig', kubeconfig]);
  const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const [socket] = (await once(silent, 'connection')) as [Socket];
  child.kill('SIGINT');
  const [stdout, stderr, [status]] = await output;
  assert.deepEqual([status, stdout], [1, '']);
  assert.equal(stderr, 'conntrack-watchdog: doctor: stopped by SIGINT before it was done\n');
  socket.destroy();
  silent.close();
});
