import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefersOpenMetrics } from '../../../src/report/exposition.ts';
import { newMetrics, pickup } from './samples.ts';

const OPEN_METRICS = 'application/openmetrics-text';

test('OpenMetrics text names counters without _total in TYPE, with it in samples, and ends with EOF', async () => {
  const metrics = newMetrics();
  metrics.count(pickup());
  const { body, contentType } = await metrics.expose(OPEN_METRICS);
  assert.equal(contentType, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  assert.match(body, /^# TYPE conntrack_watchdog_pickups counter$/m);
  assert.match(body, /^conntrack_watchdog_pickups_total\{[^}]*\} 1$/m);
  assert.match(body, /^# TYPE conntrack_watchdog_broken_connection_idle_seconds histogram$/m);
  assert.doesNotMatch(body, /^# (TYPE|HELP) \S+_total /m);
  assert.doesNotMatch(body, /_total_total/);
  assert.doesNotMatch(body, /\n\n/);
  assert.ok(body.endsWith('\n# EOF\n'));
});

test('both formats at once and in turn leave each other alone', async () => {
  const metrics = newMetrics();
  metrics.count(pickup());
  const text = (await metrics.expose(undefined)).body;
  const open = (await metrics.expose(OPEN_METRICS)).body;
  const accepts = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? undefined : OPEN_METRICS));
  const bodies = await Promise.all(accepts.map((accept) => metrics.expose(accept)));
  for (const [i, { body }] of bodies.entries()) assert.equal(body, i % 2 === 0 ? text : open);
  assert.equal((await metrics.expose(undefined)).body, text);
  const samples = (body: string) => body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(samples(open), samples(text));
});

test('the Accept header decides', () => {
  const prometheus3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  const rows: [string | undefined, boolean][] = [
    [undefined, false],
    ['', false],
    ['*/*', false],
    ['text/html,application/xhtml+xml', false],
    [prometheus3, true],
    ['application/openmetrics-text', true],
    ['Application/OpenMetrics-Text ; Q=1', true],
    ['application/openmetrics-text;q=0', false],
    ['application/openmetrics-text;q=0.3,text/plain;q=0.4', false],
    ['application/openmetrics-text;q=0.4,text/plain;q=0.4', true],
    ['application/openmetrics-text;q=nonsense', false],
    [',;=,,q=', false],
  ];
  for (const [accept, expected] of rows) assert.equal(prefersOpenMetrics(accept), expected, `${accept}`);
});
