import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newMetrics, readings, series } from './samples.ts';

test('readings are taken at a scrape, and what is not known has no series', async () => {
  let reads = 0;
  let current = readings;
  const metrics = newMetrics(() => {
    reads++;
    return current;
  });
  assert.equal(reads, 0);
  assert.deepEqual(await series(metrics, 'events_lost_total'), { '': 17 });
  assert.equal(reads, 1);
  assert.deepEqual(await series(metrics, 'kernel_setting'), { 'name="nf_conntrack_events"': 2 });
  assert.deepEqual(await series(metrics, 'ready'), { '': 1 });
  current = {
    ...readings,
    eventsLost: undefined,
    tableEntries: undefined,
    kernelSettings: {},
    readyConditions: [
      ['subscribed', true],
      ['events_enabled', false],
    ],
  };
  assert.deepEqual(await series(metrics, 'events_lost_total'), {});
  assert.deepEqual(await series(metrics, 'table_entries'), {});
  assert.deepEqual(await series(metrics, 'table_limit'), { '': 262_144 });
  assert.deepEqual(await series(metrics, 'kernel_setting'), {});
  assert.deepEqual(await series(metrics, 'ready'), { '': 0 });
  assert.deepEqual(await series(metrics, 'ready_condition'), {
    'condition="subscribed"': 1,
    'condition="events_enabled"': 0,
  });
  assert.deepEqual(await series(metrics, 'flow_table_evictions_total'), {
    'table="lost"': 0,
    'table="unconfirmed"': 1,
    'table="pending"': 0,
    'table="broken"': 0,
    'table="snapshot"': 0,
  });
});

test('scrapes at the same time share one reading, the next one takes another', async () => {
  let reads = 0;
  const { promise, resolve } = Promise.withResolvers<typeof readings>();
  const metrics = newMetrics(() => {
    reads++;
    return reads === 1 ? promise : readings;
  });
  const scrapes = Promise.all([metrics.expose(undefined), metrics.expose(undefined)]);
  metrics.countEvent('new');
  resolve({ ...readings, eventsLost: 3 });
  for (const { body } of await scrapes) {
    assert.match(body, /^conntrack_watchdog_events_lost_total 3$/m);
    assert.match(body, /^conntrack_watchdog_events_total\{type="new"\} 1$/m);
  }
  assert.equal(reads, 1);
  assert.deepEqual(await series(metrics, 'events_lost_total'), { '': 17 });
  assert.equal(reads, 2);
});

test('a reading that fails fails its scrape and not the next', async () => {
  let reads = 0;
  const metrics = newMetrics(async () => {
    if (reads++ === 0) throw new Error('no');
    return readings;
  });
  await assert.rejects(metrics.expose(undefined), { message: 'no' });
  assert.deepEqual(await series(metrics, 'events_lost_total'), { '': 17 });
});

test('snapshots are counted from 0, and what none has told yet has no series', async () => {
  let current = readings;
  const metrics = newMetrics(() => current);
  for (const name of ['snapshot_flows', 'snapshot_duration_seconds', 'blind_entries', 'kernel_stat_total']) {
    assert.deepEqual(await series(metrics, name), {}, name);
  }
  assert.deepEqual(await series(metrics, 'snapshots_total'), {
    'result="complete"': 0,
    'result="interrupted"': 0,
    'result="failed"': 0,
  });
  assert.deepEqual(await series(metrics, 'resyncs_total'), {
    'reason="events_lost"': 0,
    'reason="events_enabled"': 0,
  });
  current = {
    ...readings,
    snapshot: { ...readings.snapshot, flows: 0, durationSeconds: 0.25, blindEntries: 7 },
    kernelStats: { drop: 1, early_drop: undefined, invalid: 3, found: 9 },
  };
  assert.deepEqual(await series(metrics, 'snapshot_flows'), { '': 0 });
  assert.deepEqual(await series(metrics, 'snapshot_duration_seconds'), { '': 0.25 });
  assert.deepEqual(await series(metrics, 'blind_entries'), { '': 7 });
  assert.deepEqual(await series(metrics, 'kernel_stat_total'), { 'stat="drop"': 1, 'stat="invalid"': 3 });
});

test('what is known of the API server is told by resource, and not at all without one', async () => {
  let current: typeof readings = { ...readings, topology: undefined };
  const metrics = newMetrics(() => current);
  assert.deepEqual(await series(metrics, 'topology_synced'), {});
  assert.deepEqual(await series(metrics, 'topology_errors_total'), {});
  current = readings;
  assert.deepEqual(await series(metrics, 'topology_synced'), {
    'resource="services"': 1,
    'resource="endpointslices"': 0,
    'resource="pods"': 1,
  });
  assert.deepEqual(await series(metrics, 'topology_errors_total'), {
    'resource="services"': 0,
    'resource="endpointslices"': 3,
    'resource="pods"': 0,
  });
});
