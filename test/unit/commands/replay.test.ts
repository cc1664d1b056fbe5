/** The command as a process: what it prints where, and how it ends. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readRecordings } from '../../support/recordings.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const FIXTURES = join(import.meta.dirname, '../../fixtures');
const FLUSH = join(FIXTURES, 'events/6.18/flush.txt');
const recordings = readRecordings();

function replay(args: readonly string[], input: string | Uint8Array = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'replay', ...args], {
    input,
    encoding: 'utf8',
    timeout: 30_000,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 28,
  });
  return { status, stdout, stderr };
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'replay-test-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('a report for people: each break with its time, and a summary; plain where there is no terminal', () => {
  const { status, stdout, stderr } = replay([FLUSH]);
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(
    stdout,
    /^2026-11-23T06:15:17\.773Z {2}Connection from 172\.18\.219\.65:35490 to 10\.108\.33\.37:2222 was reset: a program \(port id 2298\) deleted its conntrack entry, and after 0\.8 s idle the next packet went to 172\.18\.131\.2:2222 instead of 172\.18\.130\.2:2222\. /,
  );
  assert.equal(
    stdout.slice(stdout.indexOf('\n\n') + 2),
    `2 broken connections.

BROKEN  SERVICE            CAUSE    OUTCOME
     2  10.108.33.37:2222  deleted  reset

Entries lost under open connections: 4 (deleted 4)
Mid-stream pickups: 4 (reset 2, survived 2)
Lines read: 33: 33 events (NEW 8, UPDATE 18, DESTROY 7), 0 skipped as no events, 0 not readable
Recorded: 2026-11-23T06:15:17.053Z to 2026-11-23T06:15:29.600Z (13 s)
`,
  );
});

test('pickups that are no broken connection say why: the same backend, or an address that may be no Service', () => {
  const stalled = replay(['-'], recordings.get('6.18/stalled'));
  assert.match(stalled.stdout, /^No broken connections\./);
  assert.match(stalled.stderr, /1 pickup by the same backend as before was reset or not answered/);
  // IPVS forgot a connection that is older than the recording.
  const tuple = 'src=10.0.0.9 dst=10.96.0.1 sport=4000 dport=80';
  const back = 'src=10.96.0.1 dst=10.0.0.9 sport=80 dport=4000';
  const ipvs = replay(
    ['-'],
    `[1.000000]\t    [NEW] tcp      6 300 ESTABLISHED ${tuple} [UNREPLIED] ${back} id=1
[1.000100]\t[DESTROY] tcp      6 300 CLOSE ${tuple} [UNREPLIED] ${back} id=1
`,
  );
  assert.match(ipvs.stdout, /^No broken connections\./);
  assert.match(
    ipvs.stderr,
    /1 packet in the middle of connections went untranslated to addresses .* the first to 10\.96\.0\.1:80; where one is \(IPVS\), --topology file:PATH tells/,
  );
});

test('nothing broken is said as well', () => {
  const { status, stdout } = replay(['-'], recordings.get('6.18/userspace-insert'));
  assert.equal(status, 0);
  assert.match(stdout, /^No broken connections\.\n/);
});

test('--json: one object a line and broken connection, as the log of the agent has it', () => {
  const { status, stdout, stderr } = replay(['--json', FLUSH]);
  assert.deepEqual([status, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(objects.length, 2);
  const { msg, evidence, ...rest } = objects[0]!;
  assert.deepEqual(rest, {
    level: 'warn',
    time: '2026-11-23T06:15:17.773Z',
    event: 'connection_broken',
    cause: 'deleted',
    outcome: 'reset',
    sender: 'client',
    mapping: 'backend_changed',
    client: { ip: '172.18.219.65', port: 35490 },
    service: { ip: '10.108.33.37', port: 2222 },
    old_backend: { ip: '172.18.130.2', port: 2222 },
    new_backend: { ip: '172.18.131.2', port: 2222 },
    idle_seconds: 0.804,
    lost_at: '2026-11-23T06:15:17.469Z',
    picked_up_at: '2026-11-23T06:15:17.773Z',
    verdict_after_ms: 0.035,
    port_id: 2298,
    line: 6,
  });
  assert.match(String(msg), /^Connection from 172\.18\.219\.65:35490 to .* was reset: /);
  assert.deepEqual(
    (evidence as { type: string; at: string; status?: string }[]).map(({ type, at, status }) => [
      type,
      at,
      status,
    ]),
    [
      ['destroy', '2026-11-23T06:15:17.469Z', undefined],
      ['new', '2026-11-23T06:15:17.773Z', undefined],
      ['destroy', '2026-11-23T06:15:17.773Z', undefined],
    ],
  );
});

test('without time stamps no time is made up', () => {
  const text = recordings
    .get('6.18/flush')!
    .toString()
    .replaceAll(/^\[\d+\.\d+\]\t/gm, '');
  const { status, stdout, stderr } = replay(['--json', '-'], text);
  assert.equal(status, 0);
  assert.match(
    stderr,
    /^conntrack-watchdog: the recording has no time stamps \(-o timestamp\): order alone decides/,
  );
  for (const line of stdout.trimEnd().split('\n')) {
    assert.doesNotMatch(line, /null|"time"|"at"|picked_up_at|lost_at|verdict_after_ms|idle_seconds/);
  }
  assert.match(replay(['-'], text).stdout, /^line 6 {2}Connection from /);
});

test('names come from a topology file; a terminal gets nothing of them that it could obey', (t) => {
  const path = join(folder(t), 'cluster.json');
  const object = (kind: string, name: string, rest: object) => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: 'shop' },
    ...rest,
  });
  const service = object('Service', 'redis', {
    spec: {
      clusterIP: '10.108.33.37',
      clusterIPs: ['10.108.33.37'],
      ports: [{ port: 2222, protocol: 'TCP' }],
    },
  });
  const pod = object('Pod', 'check\u001b[31mout', {
    spec: { nodeName: 'node-1' },
    status: { phase: 'Running', podIP: '172.18.219.65', podIPs: [{ ip: '172.18.219.65' }] },
  });
  writeFileSync(path, JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [service, pod] }));
  const { status, stdout, stderr } = replay(['--topology', `file:${path}`, FLUSH]);
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /Connection from shop\/check\?\[31mout to shop\/redis:2222 was reset/);
  assert.match(stdout, /^ +2 {2}shop\/redis:2222 +deleted +reset$/m);
  assert.ok(!stdout.includes('\u001b'));
});

test('a stall that the end of the recording decided says how sure that is', () => {
  const text = recordings.get('6.18/flush')!.toString().split('\n').slice(0, 5).join('\n');
  const { stdout } = replay(['--json', '-'], `${text}\n`);
  const object = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(object['outcome'], 'stalled');
  assert.ok(!('line' in object));
  assert.match(
    String(object['msg']),
    / Not certain: the recording ends 0 us after that packet, and an answer may have come later\.$/,
  );
});

test('lines that cannot be read: the first are shown, safely, the others counted; the rest is read', () => {
  const bad = Array.from({ length: 5 }, (_, i) => `    [NEW] tcp \u001b[31m ${i} ${'x'.repeat(200)}\n`).join(
    '',
  );
  const { status, stdout, stderr } = replay(['-'], `--- heading\n${bad}${recordings.get('6.18/flush')}`);
  assert.equal(status, 0);
  assert.match(stdout, /^2 broken connections\.$/m);
  const lines = stderr.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.slice(0, 62)),
    [
      'conntrack-watchdog: line 2 cannot be read: "[NEW] tcp  [31m 0 ',
      'conntrack-watchdog: line 3 cannot be read: "[NEW] tcp  [31m 1 ',
      'conntrack-watchdog: line 4 cannot be read: "[NEW] tcp  [31m 2 ',
      'conntrack-watchdog: 2 more lines cannot be read',
      'conntrack-watchdog: 1 line is no event and skipped; the first i',
    ].map((line) => line.slice(0, 62)),
  );
  for (const line of lines) assert.ok(line.length < 200, line);
});

test('what cannot be read at all is bad input, said in one line', (t) => {
  const path = folder(t);
  const gzip = join(path, 'events.txt.gz');
  writeFileSync(gzip, gzipSync('    [NEW] tcp'));
  for (const [argument, input, what] of [
    [join(path, 'missing.txt'), '', /cannot read .*missing\.txt: there is no such file$/],
    [path, '', /is a directory; it takes one file$/],
    ['-', '', /standard input is empty$/],
    [
      '-',
      'one\ntwo\n',
      /standard input has no event of conntrack -E that can be read in 2 lines; line 1: "one"$/,
    ],
    ['-', '    [NEW] tcp 6', /in 1 line; line 1 cannot be read: "\[NEW\] tcp 6"$/],
    [gzip, '', /events\.txt\.gz is compressed \(gzip\); pipe it: zcat FILE \| conntrack-watchdog replay -$/],
    ['-', '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n', /is XML; record without "-o xml"$/],
    ['/dev/zero', '', /\/dev\/zero is no recording of conntrack -E: line 1 is longer than 1 MiB$/],
  ] as const) {
    const { status, stdout, stderr } = replay([argument], input);
    assert.deepEqual([status, stdout], [2, ''], argument);
    assert.match(stderr, /^conntrack-watchdog: replay: [^\n]+\n$/);
    assert.match(stderr.trimEnd(), what);
  }
});

/** Started, with what it has printed so far. */
function start(args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, 'replay', ...args], { stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  const printed = async (pattern: RegExp) => {
    while (!pattern.test(stdout)) await once(child.stdout, 'data');
  };
  return { child, printed, stdout: () => stdout, stderr: () => stderr };
}

test('breaks are told while the pipe is open; a signal ends it with what was found so far', async () => {
  const { child, printed, stdout, stderr } = start(['-']);
  child.stdin.write(`${recordings.get('6.18/flush')}[1795414529.600186]\t [UPDATE] tcp      6 120 TIME_W`);
  await printed(/35502/);
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  assert.equal(code, 0, stderr());
  assert.match(stdout(), /\n2 broken connections\.\n/);
  assert.match(stderr(), /^conntrack-watchdog: stopped before the end of the recording\n$/);
});

test('a reader that goes away ends it quietly', async () => {
  const { child, printed, stderr } = start(['--json', '-']);
  child.stdin.write(recordings.get('6.18/flush')!);
  await printed(/35490/);
  child.stdout.destroy();
  const feed = setInterval(() => child.stdin.write(recordings.get('6.18/flush')!), 5);
  const [code] = await once(child, 'close');
  clearInterval(feed);
  assert.deepEqual([code, stderr()], [0, '']);
});
