import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RENEWAL_RESULTS, SKIP_REASONS } from '../../../src/model/protection.ts';
import { newMetrics, redis, series, stranger } from './samples.ts';

const REDIS = 'service_namespace="shop",service_name="redis",service_port="6379"';
const OTHER = 'service_namespace="",service_name="other",service_port="0"';

test('without protection there is no series of it', async () => {
  const metrics = newMetrics();
  metrics.declareServices([{ namespace: 'shop', name: 'redis', port: 6379 }]);
  assert.deepEqual(await series(metrics, 'renewals_total'), {});
  assert.deepEqual(await series(metrics, 'renewals_skipped_total'), {});
});

test('with it every reason of a skipped renewal begins at 0, and is counted', async () => {
  const metrics = newMetrics();
  metrics.declareRenewals();
  const none = Object.fromEntries(SKIP_REASONS.map((reason) => [`reason="${reason}"`, 0]));
  assert.deepEqual(await series(metrics, 'renewals_skipped_total'), none);
  metrics.countSkipped('client_gone', 3);
  metrics.countSkipped('client_gone', 2);
  metrics.countSkipped('limit', 0);
  assert.deepEqual(await series(metrics, 'renewals_skipped_total'), { ...none, 'reason="client_gone"': 5 });
});

test('all results of a Service begin at 0 when its first connection is protected, so that increase() sees the first', async () => {
  const metrics = newMetrics();
  metrics.countRenewals(redis, {});
  const none = Object.fromEntries(RENEWAL_RESULTS.map((result) => [`${REDIS},result="${result}"`, 0]));
  assert.deepEqual(await series(metrics, 'renewals_total'), none);
  metrics.countRenewals(redis, { failed: 2 });
  metrics.countRenewals(redis, {});
  metrics.countRenewals(redis, { renewed: 7, changed: 0, gone: 1, failed: 1 });
  assert.deepEqual(await series(metrics, 'renewals_total'), {
    [`${REDIS},result="renewed"`]: 7,
    [`${REDIS},result="changed"`]: 0,
    [`${REDIS},result="gone"`]: 1,
    [`${REDIS},result="failed"`]: 3,
  });
});

test('renewals that are the first of their Service are counted, with the other results at 0', async () => {
  const metrics = newMetrics();
  metrics.countRenewals(redis, { failed: 4 });
  assert.deepEqual(await series(metrics, 'renewals_total'), {
    [`${REDIS},result="renewed"`]: 0,
    [`${REDIS},result="changed"`]: 0,
    [`${REDIS},result="gone"`]: 0,
    [`${REDIS},result="failed"`]: 4,
  });
});

test('Services beyond the limit are added up under other', async () => {
  const metrics = newMetrics();
  for (let i = 0; i < 300; i++) metrics.countRenewals(stranger(`10.9.${i >> 8}.${i & 255}`, 80), { gone: 1 });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 1100; i++) metrics.countRenewals({ ...redis, name: `s${i}` }, { renewed: 2 });
  }
  const counts = await series(metrics, 'renewals_total');
  assert.equal(Object.keys(counts).length, (1000 + 256 + 1) * RENEWAL_RESULTS.length);
  assert.equal(counts[`${OTHER},result="renewed"`], 2 * 2 * 100);
  assert.equal(counts[`${OTHER},result="gone"`], 300 - 256);
});
