import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RISK_REASONS } from '../../../src/model/at-risk.ts';
import { RENEWAL_RESULTS } from '../../../src/model/protection.ts';
import { METRICS } from '../../../src/report/metric-table.ts';
import type { Metrics } from '../../../src/report/metrics.ts';
import { readMetricsDoc } from '../../support/metrics-doc.ts';
import { parseExposition } from '../../support/parse-exposition.ts';
import { entryLost, pickup, series } from './samples.ts';
import {
  countSeries,
  countWorstRenewals,
  workload,
  worstFindings,
  worstMetrics,
  worstReadings,
  worstServices,
} from './worst-case.ts';

/** The table under "Cardinality" that gives a number for each metric. */
function documentedBounds(): Map<string, number> {
  const table = readMetricsDoc()
    .get('Cardinality')
    ?.tables.find(({ header }) => header[0] === 'metric');
  return new Map(table?.rows.map(([metric, , number]) => [metric!, Number(number!.replaceAll(',', ''))]));
}

const sum = (numbers: Iterable<number>) => [...numbers].reduce((a, b) => a + b, 0);
const total = async (metrics: Metrics, name: string) => sum(Object.values(await series(metrics, name)));

test('the worst case makes exactly as many series as docs/metrics.md says, and more of it makes no more', async () => {
  const bounds = documentedBounds();
  assert.equal(bounds.get('sum'), sum(bounds.values()) - bounds.get('sum')!);
  bounds.delete('sum');
  assert.deepEqual([...bounds.keys()].sort(), Object.keys(METRICS).sort());

  let services = worstServices(1100);
  const metrics = worstMetrics(() => worstReadings(services, 2100));
  for (const more of [1100, 1500]) {
    services = worstServices(more);
    for (const finding of worstFindings(services, more + 1000)) metrics.count(finding);
    countWorstRenewals(metrics, services);
    const { body } = await metrics.expose(undefined);
    assert.deepEqual(Object.fromEntries(countSeries(body)), Object.fromEntries(bounds));
  }
});

test('beyond all limits every sum over Services and clients is exact', async () => {
  const services = worstServices(1500);
  const readings = worstReadings(services, 2500);
  const metrics = worstMetrics(() => readings);
  const expected = { broken: 0, pickups: 0, lost: 0, idleSeconds: 0 };
  for (const finding of worstFindings(services, 2500)) {
    metrics.count(finding);
    if (finding.kind === 'entry_lost') expected.lost++;
    else expected.pickups++;
    if (finding.kind === 'entry_lost' || !finding.broken) continue;
    expected.broken++;
    expected.idleSeconds += finding.idleSeconds!;
  }
  countWorstRenewals(metrics, services);
  assert.equal(await total(metrics, 'broken_connections_total'), expected.broken);
  assert.equal(await total(metrics, 'pickups_total'), expected.pickups);
  assert.equal(await total(metrics, 'lost_entries_total'), expected.lost);
  assert.equal(await total(metrics, 'broken_connection_idle_seconds_count'), expected.broken);
  assert.equal(await total(metrics, 'broken_connection_idle_seconds_sum'), expected.idleSeconds);
  assert.equal(await total(metrics, 'service_connections'), services.length);
  assert.equal(await total(metrics, 'connections_at_risk'), [...readings.audit!.atRisk].length);
  assert.equal(await total(metrics, 'protected_connections'), [...readings.audit!.protected!].length);
  assert.equal(await total(metrics, 'renewals_total'), 1500 * RENEWAL_RESULTS.length);
});

test('a busy node loses no name: 1000 Services, 250 workloads, a flush, timeouts and protection on 1500 pairs', async () => {
  const services = worstServices(1000).slice(0, 1000);
  const pairs = Array.from({ length: 1500 }, (_, i) => ({
    service: services[(i * 7) % 1000]!,
    client: workload(i % 250),
  }));
  const metrics = worstMetrics(() => {
    const { audit, ...rest } = worstReadings(services, 250);
    // Before their entries are renewed, and since.
    const before = pairs.map((pair, i) => ({ ...pair, reason: RISK_REASONS[i % 3]!, connections: 1 }));
    const since = pairs.map((pair) => ({ ...pair, reason: 'protected' as const, connections: 1 }));
    return {
      ...rest,
      audit: { services: audit!.services, atRisk: [...before, ...since], protected: since },
    };
  });
  countWorstRenewals(metrics, services);
  for (const pair of pairs) {
    for (const cause of ['deleted', 'timeout'] as const) metrics.count(entryLost({ ...pair, cause }));
  }
  for (const pair of pairs.slice(0, 200)) metrics.count(pickup({ ...pair, cause: 'deleted' }));
  const { body } = await metrics.expose(undefined);
  assert.doesNotMatch(body, /"other"/);
  assert.deepEqual(await series(metrics, 'label_overflows_total'), {
    'label="service"': 0,
    'label="client"': 0,
  });
  assert.ok(sum(countSeries(body).values()) < documentedBounds().get('sum')!);
});

test('the Node.js process adds at most 200 series, and all of it is OpenMetrics too', async () => {
  const services = worstServices(5);
  const metrics = worstMetrics(() => worstReadings(services, 3), true);
  for (const finding of worstFindings(services, 3)) metrics.count(finding);
  const families = parseExposition(
    (await metrics.expose('application/openmetrics-text')).body,
    'openmetrics',
  );
  assert.ok(families.length > Object.keys(METRICS).length);
  const ofProcess = families.filter(({ name }) => /^(process|nodejs)_/.test(name));
  assert.ok(ofProcess.length > 15);
  const number = sum(ofProcess.map(({ samples }) => samples.length));
  assert.ok(number > 30 && number <= 200, `${number} series`);
  const text = parseExposition((await metrics.expose(undefined)).body, 'text');
  const withoutSuffix = text.map(({ name, type }) =>
    type === 'counter' ? name.replace(/_total$/, '') : name,
  );
  assert.deepEqual(
    withoutSuffix,
    families.map(({ name }) => name),
  );
});
