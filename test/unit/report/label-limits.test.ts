import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAUSES } from '../../../src/model/finding.ts';
import type { NamedClient, NamedService } from '../../../src/model/named-finding.ts';
import { entryLost, newMetrics, pickup, readings, redis, series, stranger } from './samples.ts';

const OTHER_SERVICE = 'service_namespace="",service_name="other",service_port="0"';
const OTHER_CLIENT = 'client_namespace="",client_workload="other"';
const { client } = pickup();
const service = (i: number): NamedService => ({ ...redis, name: `s${i}` });
const job = (i: number): NamedClient => ({ ...client, workload: `Job/backup-${i}` });
const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);

test('label_overflows_total starts at 0, and what fits in leaves it there', async () => {
  const metrics = newMetrics();
  const none = { 'label="service"': 0, 'label="client"': 0 };
  assert.deepEqual(await series(metrics, 'label_overflows_total'), none);
  for (let i = 0; i < 100; i++) metrics.count(pickup({ service: service(i), client: job(i) }));
  assert.deepEqual(await series(metrics, 'label_overflows_total'), none);
});

test('every finding under other is counted once: losses and pickups by Service, broken ones by client', async () => {
  const metrics = newMetrics();
  const address = (i: number) => stranger(`10.9.${i >> 8}.${i & 255}`, 80);
  for (let i = 0; i < 256; i++) metrics.count(entryLost({ service: address(i) }));
  // A repeat is counted apart from the first of its kind, which must make no difference.
  for (let i = 0; i < 5; i++) metrics.count(entryLost({ service: address(300) }));
  for (let i = 0; i < 3; i++) metrics.count(pickup({ service: address(301) }));
  metrics.count(pickup({ service: address(302), broken: false, verdict: 'survived' }));
  assert.deepEqual(await series(metrics, 'label_overflows_total'), {
    'label="service"': 5 + 3 + 1,
    'label="client"': 0,
  });
  for (let i = 0; i < 2000; i++) metrics.count(pickup({ client: job(i) }));
  // The client of the strangers was the first of the 2000.
  assert.deepEqual(await series(metrics, 'label_overflows_total'), {
    'label="service"': 9,
    'label="client"': 1,
  });
});

test('gauges are computed at each scrape and do not count as overflows', async () => {
  const audit = {
    services: Array.from({ length: 1100 }, (_, i) => ({
      service: service(i),
      connections: 1,
      nextExpirySeconds: 5,
    })),
    atRisk: Array.from({ length: 2100 }, (_, i) => ({
      service: redis,
      client: job(i),
      reason: 'unknown' as const,
      connections: 1,
    })),
  };
  const metrics = newMetrics(() => ({ ...readings, audit }));
  for (let scrape = 0; scrape < 2; scrape++) {
    assert.equal((await series(metrics, 'service_connections'))[OTHER_SERVICE], 100);
    assert.equal(sum(await series(metrics, 'label_overflows_total')), 0);
  }
});

test('beyond 3000 pairs with a cause the client gives way, beyond 1000 Services with a cause the Service too', async () => {
  const metrics = newMetrics();
  for (let i = 0; i < 1000; i++) {
    for (const cause of CAUSES) metrics.count(pickup({ service: service(i), client: job(i), cause }));
  }
  const counts = await series(metrics, 'broken_connections_total');
  const keys = Object.keys(counts);
  assert.equal(sum(counts), 6000);
  assert.equal(keys.filter((key) => !key.includes(OTHER_CLIENT)).length, 3000);
  const ofOtherClients = keys.filter((key) => key.includes(OTHER_CLIENT) && !key.includes(OTHER_SERVICE));
  assert.equal(ofOtherClients.length, 1000);
  const ofOther = keys.filter((key) => key.includes(OTHER_SERVICE));
  assert.equal(ofOther.length, CAUSES.length);
  assert.deepEqual(await series(metrics, 'label_overflows_total'), {
    // The histograms of Services beyond 250 have gone to `other` as well: once for a finding all the same.
    'label="service"': 6000 - 250 * 6,
    'label="client"': 3000,
  });
  assert.equal(sum(await series(metrics, 'broken_connection_idle_seconds_count')), 6000);
  assert.equal(sum(await series(metrics, 'pickups_total')), 6000);
});

test('a Service or a workload that is named other is not confused with what is beyond the limits', async () => {
  const metrics = newMetrics();
  metrics.count(
    pickup({
      service: { ...redis, name: 'other' },
      client: { ...client, workload: 'Deployment/other' },
    }),
  );
  assert.deepEqual(Object.keys(await series(metrics, 'broken_connections_total')), [
    'service_namespace="shop",service_name="other",service_port="6379",client_namespace="shop",client_workload="Deployment/other",cause="timeout",outcome="reset",sender="client"',
  ]);
  assert.equal(sum(await series(metrics, 'label_overflows_total')), 0);
});
