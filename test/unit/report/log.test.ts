import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { brokenLine } from '../../../src/report/broken-line.ts';
import { brokenSentence } from '../../../src/report/broken-sentence.ts';
import { createFindingLog } from '../../../src/report/finding-log.ts';
import { createFloodControl } from '../../../src/report/flood-control.ts';
import { createLog } from '../../../src/report/log.ts';
import { pickup } from './samples.ts';

function capture(level: 'debug' | 'info' | 'silent' = 'info') {
  const lines: string[] = [];
  const log = createLog({ level, node: 'node-1', destination: { write: (line) => lines.push(line) } });
  return {
    log,
    /** The lines so far, without the times, which are checked here. */
    records: () =>
      lines.map((line) => {
        assert.ok(line.endsWith('}\n'));
        const { time, ...record } = JSON.parse(line);
        assert.equal(new Date(time).toISOString(), time);
        return record;
      }),
  };
}

test('a line has level, time, node, event, fields and msg, and nothing else', () => {
  const { log, records } = capture();
  log.info('http_listening', 'Listening on http://127.0.0.1:9469.', { port: 9469 });
  log.debug('connection_broken', 'not at this level');
  assert.deepEqual(records(), [
    {
      level: 'info',
      node: 'node-1',
      event: 'http_listening',
      port: 9469,
      msg: 'Listening on http://127.0.0.1:9469.',
    },
  ]);
});

test('silent is silent', () => {
  const { log, records } = capture('silent');
  log.fatal('http_failed', 'nobody hears it');
  assert.deepEqual(records(), []);
});

test('a broken connection is a warning with the line and the sentence', () => {
  const { log, records } = capture();
  const settings = { nf_conntrack_tcp_timeout_established: 86_400 };
  const findings = createFindingLog({
    log,
    flood: createFloodControl(),
    onHeldBack: assert.fail,
    settings: () => settings,
  });
  findings.write(pickup(), 0);
  findings.write(pickup({ broken: false, verdict: 'survived' }), 0);
  findings.flush(1000);
  const [record, ...others] = records();
  assert.deepEqual(record, {
    level: 'warn',
    node: 'node-1',
    event: 'connection_broken',
    ...brokenLine(pickup()),
    msg: brokenSentence(pickup(), settings),
  });
  assert.deepEqual(others, []);
});

test('a flood is cut, counted, and told once it is over or flushed', () => {
  const { log, records } = capture();
  let heldBack = 0;
  const findings = createFindingLog({
    log,
    flood: createFloodControl({ burst: 2, perSecond: 1 }),
    onHeldBack: () => heldBack++,
    settings: () => ({}),
  });
  for (let i = 0; i < 5; i++) findings.write(pickup(), 0);
  findings.write(pickup(), 1250);
  findings.write(pickup(), 1250);
  findings.flush(1250);
  assert.equal(heldBack, 4);
  assert.deepEqual(
    records().map(({ event, lines, period_seconds }) => [event, lines, period_seconds]),
    [
      ['connection_broken', undefined, undefined],
      ['connection_broken', undefined, undefined],
      ['log_held_back', 3, 1.25],
      ['connection_broken', undefined, undefined],
      ['log_held_back', 1, 0],
    ],
  );
  assert.equal(
    records()[2].msg,
    '3 more broken connections were not logged in the last 1.3 s; broken_connections_total has them all.',
  );
});

const LOG_MODULE = JSON.stringify(new URL('../../../src/report/log.ts', import.meta.url).href);

for (const [how, end] of [
  ['after close', 'await log.close(); process.exit(0);'],
  ['by process.exit', 'process.exit(0);'],
  ['by an exception', 'throw new Error("x");'],
] as const) {
  test(`on stdout nothing is lost when the process ends ${how}`, () => {
    const script = `
      import { createLog } from ${LOG_MODULE};
      const log = createLog({ level: 'info', node: 'node-1' });
      for (let i = 0; i < 2000; i++) log.info('agent_started', 'x'.repeat(100), { i });
      ${end}`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 2000);
    assert.equal(JSON.parse(lines.at(-1)!).i, 1999);
  });
}

test('nobody reads stdout: nothing waits, what is too much is dropped and counted, closing gives up', async () => {
  const script = `
    import { createLog } from ${LOG_MODULE};
    let dropped = 0;
    const log = createLog({ level: 'info', node: 'node-1', onDropped: () => dropped++ });
    const begin = performance.now();
    for (let i = 0; i < 20000; i++) log.warn('connection_broken', 'x'.repeat(1000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await log.close();
    process.stderr.write(JSON.stringify({ dropped, ms: performance.now() - begin }));
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pause();
  let stderr = '';
  for await (const text of child.stderr.setEncoding('utf8')) stderr += text;
  child.stdout.destroy();
  const { dropped, ms } = JSON.parse(stderr);
  assert.ok(dropped > 10_000, `${dropped} dropped`);
  assert.ok(ms < 4000, `${ms} ms`);
});
