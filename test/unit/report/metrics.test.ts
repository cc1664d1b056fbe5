import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { METRICS, PREFIX } from '../../../src/report/metric-table.ts';
import { entryLost, newMetrics, pickup, readings, redis, series, stranger } from './samples.ts';

const GOLDEN = new URL('../../fixtures/metrics.golden', import.meta.url);
const REDIS = 'service_namespace="shop",service_name="redis",service_port="6379"';
const CHECKOUT = 'client_namespace="shop",client_workload="Deployment/checkout"';

test('a broken connection is counted with every label, as a pickup and in the histogram', async () => {
  const metrics = newMetrics();
  metrics.count(pickup());
  assert.deepEqual(await series(metrics, 'broken_connections_total'), {
    [`${REDIS},${CHECKOUT},cause="timeout",outcome="reset",sender="client"`]: 1,
  });
  assert.deepEqual(await series(metrics, 'pickups_total'), {
    [`${REDIS},verdict="reset",mapping="backend_changed"`]: 1,
  });
  assert.deepEqual(await series(metrics, 'broken_connection_idle_seconds_sum'), { [REDIS]: 3 });
  assert.deepEqual(await series(metrics, 'lost_entries_total'), {});
});

test('a pickup that broke nothing is a pickup only', async () => {
  const metrics = newMetrics();
  metrics.count(pickup({ broken: false, verdict: 'survived', mapping: 'same' }));
  metrics.count(pickup({ broken: false }));
  assert.deepEqual(await series(metrics, 'pickups_total'), {
    [`${REDIS},verdict="survived",mapping="same"`]: 1,
    [`${REDIS},verdict="reset",mapping="backend_changed"`]: 1,
  });
  assert.deepEqual(await series(metrics, 'broken_connections_total'), {});
  assert.deepEqual(await series(metrics, 'broken_connection_idle_seconds_count'), {});
});

test('an unknown idle time is no observation, an unknown client has empty labels', async () => {
  const metrics = newMetrics();
  const client = { ip: '10.0.0.1', port: 1, namespace: undefined, pod: undefined, workload: undefined };
  metrics.count(pickup({ idleSeconds: undefined, client, sender: 'server', verdict: 'stalled' }));
  assert.deepEqual(await series(metrics, 'broken_connection_idle_seconds_count'), {});
  assert.deepEqual(await series(metrics, 'broken_connections_total'), {
    [`${REDIS},client_namespace="",client_workload="",cause="timeout",outcome="stalled",sender="server"`]: 1,
  });
});

test('a lost entry is counted and lets the series of its possible break begin at 0', async () => {
  const metrics = newMetrics();
  metrics.count(entryLost());
  metrics.count(entryLost());
  assert.deepEqual(await series(metrics, 'lost_entries_total'), { [`${REDIS},cause="timeout"`]: 2 });
  assert.deepEqual(await series(metrics, 'pickups_total'), {
    [`${REDIS},verdict="reset",mapping="backend_changed"`]: 0,
    [`${REDIS},verdict="stalled",mapping="backend_changed"`]: 0,
    [`${REDIS},verdict="survived",mapping="same"`]: 0,
  });
  assert.deepEqual(await series(metrics, 'broken_connections_total'), {
    [`${REDIS},${CHECKOUT},cause="timeout",outcome="reset",sender="client"`]: 0,
    [`${REDIS},${CHECKOUT},cause="timeout",outcome="reset",sender="server"`]: 0,
    [`${REDIS},${CHECKOUT},cause="timeout",outcome="stalled",sender="client"`]: 0,
    [`${REDIS},${CHECKOUT},cause="timeout",outcome="stalled",sender="server"`]: 0,
  });
});

test('declared Services begin at 0 once, and declaring again changes no count', async () => {
  const metrics = newMetrics();
  const service = { namespace: 'shop', name: 'redis', port: 6379 };
  metrics.declareServices([service]);
  metrics.count(entryLost({ cause: 'kernel' }));
  metrics.count(pickup());
  metrics.declareServices([service]);
  assert.deepEqual(await series(metrics, 'lost_entries_total'), {
    [`${REDIS},cause="timeout"`]: 0,
    [`${REDIS},cause="deleted"`]: 0,
    [`${REDIS},cause="ipvs"`]: 0,
    [`${REDIS},cause="kernel"`]: 1,
    [`${REDIS},cause="unseen"`]: 0,
    [`${REDIS},cause="unknown"`]: 0,
  });
  assert.deepEqual(await series(metrics, 'pickups_total'), {
    [`${REDIS},verdict="reset",mapping="backend_changed"`]: 1,
    [`${REDIS},verdict="stalled",mapping="backend_changed"`]: 0,
    [`${REDIS},verdict="survived",mapping="same"`]: 0,
  });
});

test('a large cluster declares the first 200 Services only', async () => {
  const metrics = newMetrics();
  metrics.declareServices(
    Array.from({ length: 300 }, (_, i) => ({ namespace: 'shop', name: `s${i}`, port: 80 })),
  );
  assert.equal(Object.keys(await series(metrics, 'lost_entries_total')).length, 200 * 6);
  assert.equal(Object.keys(await series(metrics, 'pickups_total')).length, 200 * 3);
});

test('addresses without a Service get 256 label sets, the rest is counted under other', async () => {
  const metrics = newMetrics();
  for (let i = 0; i < 300; i++)
    metrics.count(pickup({ service: stranger(`10.9.${i >> 8}.${i & 255}`, 80), broken: false }));
  metrics.count(pickup({ service: redis, broken: false }));
  const counts = await series(metrics, 'pickups_total');
  const rest = 'verdict="reset",mapping="backend_changed"';
  assert.equal(Object.keys(counts).length, 256 + 1 + 1);
  assert.equal(counts[`service_namespace="",service_name="other",service_port="0",${rest}`], 300 - 256);
  assert.equal(counts[`service_namespace="",service_name="10.9.0.255",service_port="80",${rest}`], 1);
  assert.equal(counts[`${REDIS},${rest}`], 1, 'a known Service is no foreign input');
});

test('client workloads get 2000 label sets, the rest is counted under other', async () => {
  const metrics = newMetrics();
  const client = pickup().client;
  for (let i = 0; i < 2100; i++)
    metrics.count(pickup({ client: { ...client, workload: `Job/backup-${i}` } }));
  const counts = await series(metrics, 'broken_connections_total');
  const rest = 'cause="timeout",outcome="reset",sender="client"';
  assert.equal(Object.keys(counts).length, 2000 + 1);
  assert.equal(counts[`${REDIS},client_namespace="",client_workload="other",${rest}`], 100);
});

test('the whole of /metrics is as in the golden file, and every metric of the table is there', async () => {
  const metrics = newMetrics(() => ({
    ...readings,
    audit: {
      services: [{ service: redis, connections: 14, nextExpirySeconds: 300 }],
      atRisk: [
        { service: redis, client: pickup().client, reason: 'no_keepalive', connections: 2 },
        { service: redis, client: pickup().client, reason: 'protected', connections: 4 },
      ],
      protected: [{ service: redis, client: pickup().client, connections: 9 }],
    },
    snapshot: {
      flows: 14,
      durationSeconds: 0.012,
      blindEntries: 3,
      results: { complete: 5, interrupted: 1, failed: 0 },
      resyncs: { events_lost: 1, events_enabled: 0 },
    },
    kernelStats: { drop: 0, early_drop: 0, insert_failed: 2, invalid: 41 },
    kubernetesEvents: { created: 2, updated: 1, failed: 0, held_back: 0 },
  }));
  metrics.declareServices([{ namespace: 'shop', name: 'redis', port: 6379 }]);
  metrics.count(entryLost());
  metrics.count(pickup());
  metrics.count(pickup({ verdict: 'survived', mapping: 'same', broken: false }));
  metrics.count(
    pickup({
      service: stranger('2001:db8::5', 443),
      cause: 'unseen',
      verdict: 'stalled',
      idleSeconds: 90_000,
    }),
  );
  metrics.declareRenewals();
  metrics.countRenewals(redis, { renewed: 3, failed: 1 });
  metrics.countSkipped('client_gone', 2);
  metrics.countEvent('new');
  metrics.countEvent('destroy');
  metrics.countEvent('destroy');
  metrics.countMalformed('short_payload');
  metrics.countHeldBack();
  const { body, contentType } = await metrics.expose(undefined);
  assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8');
  if (process.env['UPDATE_GOLDEN']) writeFileSync(GOLDEN, body);
  assert.equal(body, readFileSync(GOLDEN, 'utf8'));
  const shown = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
  const expected = Object.entries(METRICS).map(([name, { type }]) => `${PREFIX}${name} ${type}`);
  assert.deepEqual(shown.sort(), expected.sort());
});
