import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../../src/report/metrics.ts';
import { readings } from './samples.ts';

const metrics = createMetrics({
  version: '0.1.0',
  nodeVersion: 'v26.0.0',
  malformedReasons: [],
  read: async () => readings,
  processMetrics: true,
});

test('process metrics are there, without those that need a timer or break a naming rule', async () => {
  const { body } = await metrics.expose(undefined);
  const types = new Map(
    [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!] as const),
  );
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_seconds',
    'nodejs_gc_duration_seconds',
  ]) {
    assert.ok(types.has(name), name);
  }
  const lags = [...types.keys()].filter((name) => name.startsWith('nodejs_eventloop_lag'));
  assert.deepEqual(lags, ['nodejs_eventloop_lag_seconds']);
  for (const [name, type] of types) {
    assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
  }
});

test('an idle process is woken by no timer of the metrics', async () => {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(200);
  const before = process.resourceUsage().voluntaryContextSwitches;
  await pause(1000);
  const wakeUps = process.resourceUsage().voluntaryContextSwitches - before;
  // prom-client's default timer alone would make 100.
  assert.ok(wakeUps < 40, `${wakeUps} wake-ups in a second`);
});
