import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { METRICS } from '../../src/report/metric-table.ts';
import { readMetricsDoc } from '../support/metrics-doc.ts';
import { promtoolPath, skip } from '../support/prometheus.ts';
import { UGLY_NAMES, uglyFindings } from '../support/ugly-names.ts';
import { newMetrics, pickup } from '../unit/report/samples.ts';
import {
  countWorstRenewals,
  worstFindings,
  worstMetrics,
  worstReadings,
  worstServices,
} from '../unit/report/worst-case.ts';

/** What it exits with, and all that it says. */
function runPromtool(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(promtoolPath(), args, { input, encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

function checkRules(t: TestContext, queries: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'metrics-doc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const rules = queries.map((expr, i) => ({ record: `documented:query:${i}`, expr }));
  const file = join(folder, 'rules.yml');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'documented', rules }] }));
  return runPromtool(['check', 'rules', file]);
}

describe('promtool', { skip }, () => {
  test('takes every query of docs/metrics.md', (t) => {
    const queries = [...readMetricsDoc().values()].flatMap((section) => section.queries);
    assert.ok(queries.length >= Object.keys(METRICS).length);
    const { status, said } = checkRules(t, queries);
    assert.equal(status, 0, said);
    assert.match(said, new RegExp(`SUCCESS: ${queries.length} rules found`));
    assert.equal(checkRules(t, ['sum by (x (up)']).status, 1, 'it does tell good from bad');
  });

  test('finds nothing to object to in a scrape: golden, of all series with those of the process, of ugly names', async () => {
    const services = worstServices(5);
    const worst = worstMetrics(() => worstReadings(services, 3), true);
    for (const finding of worstFindings(services, 3)) worst.count(finding);
    countWorstRenewals(worst, services);
    const ugly = newMetrics();
    for (const finding of await uglyFindings(pickup())) ugly.count(finding);
    const uglyBody = (await ugly.expose(undefined)).body;
    assert.ok(uglyBody.includes(UGLY_NAMES[0]));
    const golden = readFileSync(new URL('../fixtures/metrics.golden', import.meta.url), 'utf8');
    for (const body of [golden, (await worst.expose(undefined)).body, uglyBody]) {
      assert.deepEqual(runPromtool(['check', 'metrics'], body), { status: 0, said: '' });
    }
    const misnamed = '# HELP x_total x\n# TYPE x_total gauge\nx_total 1\n';
    assert.notEqual(runPromtool(['check', 'metrics'], misnamed).status, 0, 'it does tell good from bad');
  });
});
