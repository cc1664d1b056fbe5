/** `--topology file:PATH` while the agent runs: what is put in its place, and how. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { followFile } from '../../../src/commands/topology/follow-file.ts';
import { readTopologyFile } from '../../../src/commands/topology/load-topology.ts';
import { parseTopologyText } from '../../../src/enrich/topology-file.ts';
import { TopologyFileError } from '../../../src/enrich/topology-file-error.ts';
import { endpoint, service, slice } from '../enrich/kubernetes-objects.ts';

const REDIS = { namespace: 'shop', name: 'redis', port: 6379 };
const AN_HOUR_AGO = Date.now() / 1000 - 3600;

/** A Service and its backends, as kubectl prints them. */
function namesOf(...ips: string[]): string {
  const items = [
    service('redis', { clusterIPs: ['10.96.0.9'], ports: [{ name: 'web', port: 6379, protocol: 'TCP' }] }),
    slice(
      'redis-x',
      8080,
      ips.map((ip) => endpoint(ip, `redis-${ip}`)),
      { metadata: { namespace: 'shop', name: 'redis-x', labels: { 'kubernetes.io/service-name': 'redis' } } },
    ),
  ];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cw-follow-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** As a program that does it well: written beside, and renamed over. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  utimesSync(`${path}.new`, AN_HOUR_AGO, AN_HOUR_AGO);
  renameSync(`${path}.new`, path);
}

/** Follows a file; what it told is in `told`. `wallMs` can be another clock, or do something when it is asked. */
async function follow(path: string, wallMs = () => Date.now()) {
  const told: string[] = [];
  const { topology, look, stop } = followFile(await readTopologyFile(path), {
    clock: { wallMs: () => wallMs() },
    onLoaded: ({ services }) => told.push(`loaded ${services.length}`),
    onProblem: (reason) => told.push(reason),
  });
  const backends = (...ips: string[]) => ips.filter((ip) => topology.isEndpoint(REDIS, ip, 8080));
  return { told, topology, look, stop, backends };
}

const BOTH = ['10.244.0.1', '10.244.0.2'] as const;
const [FIRST, SECOND] = BOTH;

test('a file that is renamed over is read once, and whoever holds the topology has its names', async (t) => {
  const path = join(tempFolder(t), 'names.json');
  replace(path, namesOf(...BOTH));
  const { told, topology, look, backends } = await follow(path);
  await look();
  assert.deepEqual([backends(...BOTH), told], [BOTH, []]);
  replace(path, namesOf(SECOND));
  await look();
  await look();
  assert.deepEqual([backends(...BOTH), told], [[SECOND], ['loaded 1']]);
  assert.deepEqual(topology.serviceAt('10.96.0.9', 6379), REDIS);
  assert.equal(topology.endpointAt(FIRST, 8080), undefined);
  assert.equal(topology.endpointAt(SECOND, 8080)?.pod, `redis-${SECOND}`);
  assert.deepEqual(topology.backendChoice(REDIS, false)?.endpoints, [{ ip: SECOND, port: 8080 }]);
});

test('a mounted ConfigMap, which exchanges a symbolic link to a folder', async (t) => {
  const folder = tempFolder(t);
  const version = (name: string, text: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'names.json'), text);
    utimesSync(join(folder, name, 'names.json'), AN_HOUR_AGO, AN_HOUR_AGO);
    symlinkSync(name, join(folder, 'data.new'));
    renameSync(join(folder, 'data.new'), join(folder, 'data'));
  };
  version('one', namesOf(FIRST));
  const path = join(folder, 'names.json');
  symlinkSync('data/names.json', path);
  const { told, look, backends } = await follow(path);
  version('two', namesOf(SECOND));
  await look();
  assert.deepEqual([backends(...BOTH), told], [[SECOND], ['loaded 1']]);
});

test('a file that was just written is left for a second, as its writer may go on', async (t) => {
  const path = join(tempFolder(t), 'names.json');
  replace(path, namesOf(...BOTH));
  let nowMs = 0;
  const { told, look, backends } = await follow(path, () => nowMs);
  writeFileSync(path, namesOf(SECOND));
  const writtenAtMs = Math.floor(statSync(path).mtimeMs);
  nowMs = writtenAtMs + 999;
  await look();
  assert.deepEqual([backends(...BOTH), told], [BOTH, []]);
  nowMs = writtenAtMs + 1000;
  await look();
  assert.deepEqual([backends(...BOTH), told], [[SECOND], ['loaded 1']]);
});

test('a file that changes while it is read is not taken', async (t) => {
  const path = join(tempFolder(t), 'names.json');
  replace(path, namesOf(...BOTH));
  let write = () => {};
  // The clock is asked after the first look at the file, and before it is read.
  const { told, look, backends } = await follow(path, () => {
    write();
    return Date.now();
  });
  replace(path, namesOf(FIRST));
  write = () => replace(path, namesOf(SECOND));
  await look();
  assert.deepEqual([backends(...BOTH), told], [BOTH, []]);
  write = () => {};
  await look();
  assert.deepEqual([backends(...BOTH), told], [[SECOND], ['loaded 1']]);
});

test('a file that makes no sense, or is away, leaves the names, and is told once; then it is fine again', async (t) => {
  const path = join(tempFolder(t), 'names.json');
  replace(path, namesOf(...BOTH));
  const { told, look, backends } = await follow(path);
  const see = async (...patterns: RegExp[]) => {
    await look();
    await look();
    assert.equal(told.length, patterns.length, told.join('\n'));
    for (const [i, pattern] of patterns.entries()) assert.match(told[i]!, pattern);
    told.length = 0;
  };
  replace(path, namesOf(SECOND).slice(0, -20));
  await see(/^topology file .*names\.json, document 1.*broken/);
  replace(path, '');
  await see(/holds no Services/);
  rmSync(path);
  await see(/ENOENT/);
  assert.deepEqual(backends(...BOTH), BOTH);
  replace(path, namesOf(SECOND));
  await see(/^loaded 1$/);
  assert.deepEqual(backends(...BOTH), [SECOND]);

  // The very same file is away and there again: it is told too.
  renameSync(path, `${path}.away`);
  await see(/ENOENT/);
  renameSync(`${path}.away`, path);
  await see(/^loaded 1$/);
});

test('a pipe is read once, and one in the place of the file is not opened', async (t) => {
  const path = join(tempFolder(t), 'names.json');
  execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', path]);
  const writer = spawn('sh', ['-c', 'printf %s "$1" > "$2"', 'sh', namesOf(...BOTH), path]);
  const written = once(writer, 'close');
  const piped = await follow(path);
  await written;
  await piped.look();
  assert.deepEqual([piped.backends(...BOTH), piped.told], [BOTH, []]);

  const other = `${path}.regular`;
  replace(other, namesOf(...BOTH));
  const { told, look, backends } = await follow(other);
  renameSync(path, other);
  await look();
  await look();
  assert.deepEqual([backends(...BOTH), told], [BOTH, [`topology file ${other}: no regular file`]]);
});

test('what is being read when the agent stops is not taken', async (t) => {
  const path = join(tempFolder(t), 'names.json');
  replace(path, namesOf(...BOTH));
  const { told, look, stop, backends } = await follow(path);
  replace(path, namesOf(SECOND));
  const looking = look();
  stop();
  await looking;
  assert.deepEqual([backends(...BOTH), told], [BOTH, []]);
});

test('what kubectl prints is not taken before its end, wherever it is cut', async () => {
  const yaml = readFileSync(
    new URL('../../fixtures/topology/kubectl-get.yaml', import.meta.url),
    'utf8',
  ).split(/(?<=\n)/);
  // kubectl says what kind of list it is behind the items.
  const end = yaml.indexOf('kind: List\n');
  assert.ok(end > 900);
  const isItem = (line: number) => yaml[line]!.startsWith('- ');
  const cuts = yaml.keys().filter((line) => line > 0 && line <= end && (line % 50 === 0 || isItem(line)));
  let tried = 0;
  for (const line of cuts) {
    await assert.rejects(parseTopologyText(yaml.slice(0, line).join(''), '/x'), TopologyFileError, `${line}`);
    tried++;
  }
  assert.ok(tried > 25, `${tried}`);
  const json = namesOf(...BOTH);
  for (let length = 0; length < json.length; length++) {
    await assert.rejects(parseTopologyText(json.slice(0, length), '/x'), TopologyFileError, `${length}`);
  }
});
