import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { OUTCOMES } from '../../../src/model/finding.ts';
import type { NamedFinding } from '../../../src/model/named-finding.ts';
import { createFindingLog } from '../../../src/report/finding-log.ts';
import { createFloodControl } from '../../../src/report/flood-control.ts';
import { createLog } from '../../../src/report/log.ts';
import type { Metrics } from '../../../src/report/metrics.ts';
import { createRecentBreaks } from '../../../src/report/status/recent-breaks.ts';
import { readMetricsDoc } from '../../support/metrics-doc.ts';
import { entryLost, newMetrics, pickup, redis, series } from './samples.ts';
import { countSeries, workload } from './worst-case.ts';

const WORKLOADS = 10_000;
const SERVICES = 3000;
/** From the first to the last look series come that there still was room for, some 0.6 KB each. */
const MOST_GROWTH_BYTES = 6 * 2 ** 20;
/** Once there is no room, any 10 bytes kept of each finding would show. */
const MOST_GROWTH_WHEN_FULL_BYTES = 700_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Every other finding is a lost entry, its connection's break the next; the client is another for the next two. */
function findingOf(i: number): NamedFinding {
  const pair = Math.floor(i / 2);
  const client = { ...workload(pair % WORKLOADS), pod: `pod-${pair}` };
  const service = { ...redis, name: `service-${pair % SERVICES}` };
  if (i % 2 === 0) return entryLost({ client, service, cause: 'deleted' });
  return pickup({ client, service, cause: 'deleted', verdict: OUTCOMES[pair % 3 === 0 ? 1 : 0] });
}

const total = async (metrics: Metrics, name: string) =>
  Object.values(await series(metrics, name)).reduce((a, b) => a + b, 0);

test('100,000 findings of 10,000 client workloads: series capped, totals exact, memory flat', async (t) => {
  const metrics = newMetrics();
  const recent = createRecentBreaks();
  let lines = 0;
  let heldBack = 0;
  const destination = { write: () => void lines++ };
  const log = createFindingLog({
    log: createLog({ level: 'info', node: 'node-1', destination }),
    flood: createFloodControl(),
    onHeldBack: () => void heldBack++,
    settings: () => ({}),
  });
  let next = 0;
  async function after(number: number) {
    for (; next < number; next++) {
      const finding = findingOf(next);
      metrics.count(finding);
      if (finding.kind !== 'pickup') continue;
      log.write(finding, next);
      recent.add(finding);
    }
    const { body } = await metrics.expose(undefined);
    const seen = {
      scrapeBytes: body.length,
      series: [...countSeries(body).values()].reduce((a, b) => a + b, 0),
    };
    collectGarbage();
    return { ...seen, heapBytes: process.memoryUsage().heapUsed };
  }

  const first = await after(10_000);
  const full = await after(30_000);
  const last = await after(100_000);
  t.diagnostic(`after 10,000, 30,000 and 100,000: ${JSON.stringify([first, full, last])}`);

  const bounds = readMetricsDoc()
    .get('Cardinality')!
    .tables.find(({ header }) => header[0] === 'metric')!.rows;
  const bound = Number(bounds.at(-1)![2]!.replaceAll(',', ''));
  assert.ok(last.series <= bound, `${last.series} series`);
  assert.equal(last.series, full.series);
  const growth = (from: { heapBytes: number }) => last.heapBytes - from.heapBytes;
  assert.ok(growth(first) < MOST_GROWTH_BYTES, `the heap grew by ${growth(first)} bytes`);
  assert.ok(growth(full) < MOST_GROWTH_WHEN_FULL_BYTES, `the heap grew by ${growth(full)} bytes when full`);
  assert.ok(last.scrapeBytes < full.scrapeBytes * 1.01, `the scrape grew to ${last.scrapeBytes}`);

  assert.equal(await total(metrics, 'broken_connections_total'), 50_000);
  assert.equal(await total(metrics, 'pickups_total'), 50_000);
  assert.equal(await total(metrics, 'lost_entries_total'), 50_000);
  assert.equal(await total(metrics, 'broken_connection_idle_seconds_count'), 50_000);
  assert.deepEqual([recent.total, recent.newest(1)[0]?.number], [50_000, 50_000]);
  assert.ok(recent.kept <= 500 && recent.kept > 0);
  assert.ok(heldBack > 0 && lines > 0);
  const overflows = await series(metrics, 'label_overflows_total');
  assert.ok(overflows['label="client"']! > 0 && overflows['label="service"']! > 0);
});
