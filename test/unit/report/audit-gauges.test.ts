import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditReadings } from '../../../src/report/audit-gauges.ts';
import { newMetrics, pickup, readings, redis, series, stranger } from './samples.ts';

const REDIS = 'service_namespace="shop",service_name="redis",service_port="6379"';
const WEB = 'service_namespace="shop",service_name="web",service_port="80"';
const OTHER = 'service_namespace="",service_name="other",service_port="0"';
const CHECKOUT = 'client_namespace="shop",client_workload="Deployment/checkout"';
const { client } = pickup();

/** Metrics whose audit can be changed between scrapes. */
function audited(first: AuditReadings | undefined) {
  let audit = first;
  const metrics = newMetrics(() => ({ ...readings, audit }));
  return { metrics, next };

  function next(value: AuditReadings | undefined): void {
    audit = value;
  }
}

test('connections, those at risk and the next expiry have the names of Service and client', async () => {
  const { metrics } = audited({
    services: [
      { service: redis, connections: 14, nextExpirySeconds: 300.5 },
      { service: stranger('2001:db8::5', 443), connections: 1, nextExpirySeconds: undefined },
    ],
    atRisk: [
      { service: redis, client, reason: 'no_keepalive', connections: 2 },
      {
        service: redis,
        client: { namespace: undefined, workload: undefined },
        reason: 'unknown',
        connections: 1,
      },
    ],
  });
  assert.deepEqual(await series(metrics, 'service_connections'), {
    [REDIS]: 14,
    'service_namespace="",service_name="2001:db8::5",service_port="443"': 1,
  });
  assert.deepEqual(await series(metrics, 'connections_at_risk'), {
    [`${REDIS},${CHECKOUT},reason="no_keepalive"`]: 2,
    [`${REDIS},client_namespace="",client_workload="",reason="unknown"`]: 1,
  });
  assert.deepEqual(await series(metrics, 'next_expiry_seconds'), { [REDIS]: 300.5 });
});

test('what is over shows 0 connections and no expiry; without an audit nothing is claimed', async () => {
  const atRisk = [{ service: redis, client, reason: 'slow_keepalive', connections: 2 }] as const;
  const services = [{ service: redis, connections: 2, nextExpirySeconds: 9 }];
  const { metrics, next } = audited({ services, atRisk });
  const risk = `${REDIS},${CHECKOUT},reason="slow_keepalive"`;
  assert.deepEqual(await series(metrics, 'connections_at_risk'), { [risk]: 2 });
  next({ services: [], atRisk: [] });
  assert.deepEqual(await series(metrics, 'service_connections'), { [REDIS]: 0 });
  assert.deepEqual(await series(metrics, 'connections_at_risk'), { [risk]: 0 });
  assert.deepEqual(await series(metrics, 'next_expiry_seconds'), {});
  next(undefined);
  assert.deepEqual(await series(metrics, 'service_connections'), {});
  assert.deepEqual(await series(metrics, 'connections_at_risk'), {});
  next({ services, atRisk });
  assert.deepEqual(await series(metrics, 'service_connections'), { [REDIS]: 2 });
  assert.deepEqual(await series(metrics, 'connections_at_risk'), { [risk]: 2 });
});

test('declared Services show 0 connections once there is an audit, and no client before it is at risk', async () => {
  const { metrics, next } = audited(undefined);
  metrics.declareServices([
    { namespace: 'shop', name: 'redis', port: 6379 },
    { namespace: 'shop', name: 'web', port: 80 },
  ]);
  assert.deepEqual(await series(metrics, 'service_connections'), {});
  next({ services: [{ service: redis, connections: 3, nextExpirySeconds: undefined }], atRisk: [] });
  assert.deepEqual(await series(metrics, 'service_connections'), { [REDIS]: 3, [WEB]: 0 });
  assert.deepEqual(await series(metrics, 'connections_at_risk'), {});
});

test('what falls under other is added up, and its next expiry is the soonest', async () => {
  const strangers = Array.from({ length: 300 }, (_, i) => stranger(`10.9.${i >> 8}.${i & 255}`, 80));
  const { metrics } = audited({
    services: strangers.map((service, i) => ({ service, connections: 2, nextExpirySeconds: 1000 - i })),
    atRisk: strangers.flatMap((service) => [
      { service, client, reason: 'no_keepalive', connections: 1 },
      { service, client: { ...client, workload: 'Job/b' }, reason: 'no_keepalive', connections: 1 },
    ]),
  });
  const connections = await series(metrics, 'service_connections');
  assert.equal(Object.keys(connections).length, 256 + 1);
  assert.equal(connections[OTHER], 2 * 44);
  assert.equal((await series(metrics, 'next_expiry_seconds'))[OTHER], 1000 - 299);
  const atRisk = await series(metrics, 'connections_at_risk');
  assert.equal(atRisk[`${OTHER},${CHECKOUT},reason="no_keepalive"`], 44);
  assert.deepEqual(await series(metrics, 'connections_at_risk'), atRisk, 'a second scrape adds nothing');
});

test('clients beyond the limit are added up, under the labels their broken connections have', async () => {
  const clients = Array.from({ length: 2100 }, (_, i) => ({ ...client, workload: `Job/backup-${i}` }));
  const { metrics } = audited({
    services: [],
    atRisk: clients.map((each) => ({
      service: redis,
      client: each,
      reason: 'no_keepalive',
      connections: 3,
    })),
  });
  const atRisk = await series(metrics, 'connections_at_risk');
  const other = `${REDIS},client_namespace="",client_workload="other"`;
  assert.equal(Object.keys(atRisk).length, 2000 + 1);
  assert.equal(atRisk[`${other},reason="no_keepalive"`], 300);
  metrics.count(pickup({ client: clients.at(-1)! }));
  assert.deepEqual(await series(metrics, 'broken_connections_total'), {
    [`${other},cause="timeout",outcome="reset",sender="client"`]: 1,
  });
});

test('protected connections have their names; a series that was there once stays, at 0', async () => {
  const services = [{ service: redis, connections: 9, nextExpirySeconds: undefined }];
  const atRisk = [{ service: redis, client, reason: 'protected', connections: 4 }] as const;
  const { metrics, next } = audited({
    services,
    atRisk,
    protected: [
      { service: redis, client, connections: 8 },
      { service: redis, client: { namespace: undefined, workload: undefined }, connections: 1 },
      { service: redis, client, connections: 1 },
    ],
  });
  const risk = `${REDIS},${CHECKOUT},reason="protected"`;
  const unknown = `${REDIS},client_namespace="",client_workload=""`;
  assert.deepEqual(await series(metrics, 'protected_connections'), {
    [`${REDIS},${CHECKOUT}`]: 9,
    [unknown]: 1,
  });
  assert.deepEqual(await series(metrics, 'connections_at_risk'), { [risk]: 4 });
  next({ services, atRisk: [], protected: [] });
  assert.deepEqual(await series(metrics, 'protected_connections'), {
    [`${REDIS},${CHECKOUT}`]: 0,
    [unknown]: 0,
  });
  assert.deepEqual(await series(metrics, 'connections_at_risk'), { [risk]: 0 });
  next(undefined);
  assert.deepEqual(await series(metrics, 'protected_connections'), {});
});

test('where no entries are renewed there is no series that says 0 are protected', async () => {
  const { metrics } = audited({
    services: [{ service: redis, connections: 9, nextExpirySeconds: 30 }],
    atRisk: [{ service: redis, client, reason: 'no_keepalive', connections: 9 }],
  });
  metrics.declareServices([{ namespace: 'shop', name: 'web', port: 80 }]);
  assert.deepEqual(await series(metrics, 'protected_connections'), {});
});

test('beyond 2000 pairs of Service and client that are protected the client gives way, and the sum is exact', async () => {
  const clients = Array.from({ length: 1900 }, (_, i) => ({ ...client, workload: `Job/backup-${i}` }));
  const web = { ...redis, name: 'web', servicePort: 80 };
  const rows = [redis, web].flatMap((service) =>
    clients.map((each) => ({ service, client: each, connections: 2 })),
  );
  const { metrics } = audited({ services: [], atRisk: [], protected: rows });
  const kept = await series(metrics, 'protected_connections');
  assert.equal(Object.keys(kept).length, 2000 + 1);
  assert.equal(kept[`${WEB},client_namespace="",client_workload="other"`], 2 * 1800);
  assert.equal(
    Object.values(kept).reduce((a, b) => a + b, 0),
    2 * rows.length,
  );
  assert.deepEqual(await series(metrics, 'protected_connections'), kept, 'a second scrape adds nothing');
});
