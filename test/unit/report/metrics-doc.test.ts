import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { MALFORMED_REASONS } from '../../../src/decode/attributes.ts';
import { SETTING_NAMES } from '../../../src/kernel/settings.ts';
import { COUNTED_REASONS } from '../../../src/model/at-risk.ts';
import { CAUSES, MAPPINGS, OUTCOMES, SENDERS, VERDICTS } from '../../../src/model/finding.ts';
import { RENEWAL_RESULTS, SKIP_REASONS } from '../../../src/model/protection.ts';
import {
  EVENT_TYPES,
  FLOW_TABLES,
  KERNEL_STATS,
  KUBERNETES_EVENT_RESULTS,
  METRICS,
  OVERFLOW_LABELS,
  PREFIX,
  READY_CONDITIONS,
  RESYNC_REASONS,
  SNAPSHOT_RESULTS,
  TOPOLOGY_RESOURCES,
} from '../../../src/report/metric-table.ts';
import { addProcessMetrics } from '../../../src/report/process-metrics.ts';
import { metricsOf, readMetricsDoc } from '../../support/metrics-doc.ts';

/** Where docs/metrics.md explains the values of a closed label: a section, the label, its values. */
const CLOSED: readonly (readonly [section: string, label: string, values: readonly string[]])[] = [
  ['cause', 'cause', CAUSES],
  ['outcome', 'outcome', OUTCOMES],
  ['sender', 'sender', SENDERS],
  ['verdict', 'verdict', VERDICTS],
  ['mapping', 'mapping', MAPPINGS],
  ['connections_at_risk', 'reason', COUNTED_REASONS],
  ['renewals_total', 'result', RENEWAL_RESULTS],
  ['renewals_skipped_total', 'reason', SKIP_REASONS],
  ['ready_condition', 'condition', READY_CONDITIONS],
  ['events_total', 'type', EVENT_TYPES],
  ['resyncs_total', 'reason', RESYNC_REASONS],
  ['snapshots_total', 'result', SNAPSHOT_RESULTS],
  ['messages_malformed_total', 'reason', MALFORMED_REASONS],
  ['label_overflows_total', 'label', OVERFLOW_LABELS],
  ['flow_table_entries', 'table', FLOW_TABLES],
  ['flow_table_evictions_total', 'table', FLOW_TABLES],
  ['kernel_setting', 'name', SETTING_NAMES],
  ['kernel_stat_total', 'stat', KERNEL_STATS],
  ['topology_synced', 'resource', TOPOLOGY_RESOURCES],
  ['kubernetes_events_total', 'result', KUBERNETES_EVENT_RESULTS],
];
/** Labels that hold text from the cluster, or a version. */
const OPEN = /^(service|client)_|version$/;

const sections = readMetricsDoc();
const documented = metricsOf(sections);

test('docs/metrics.md has a section for each metric, with its type and labels, and for nothing else', () => {
  const expected = Object.entries(METRICS).map(([name, { type, labels }]) => ({ name, type, labels }));
  const found = documented.map(({ name, type, labels }) => ({ name, type, labels }));
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  assert.deepEqual(found.sort(byName), expected.sort(byName));
});

test('each section says what the metric means, and has one query that uses it', () => {
  for (const { name, unit, paragraphs, queries } of documented) {
    assert.ok(unit.length > 0, `${name}: unit`);
    assert.ok((paragraphs[1] ?? '').length > 20, `${name}: meaning`);
    assert.equal(queries.length, 1, `${name}: one query`);
    assert.match(queries[0]!, new RegExp(`\\b${PREFIX}${name}(_bucket)?\\b`), `${name}: in its query`);
  }
});

test('no query uses a metric or a label that is not there', () => {
  const labels = new Set<string>(Object.values(METRICS).flatMap((metric) => metric.labels));
  for (const { queries, name } of documented) {
    for (const [, used] of queries[0]!.matchAll(new RegExp(`${PREFIX}(\\w+)`, 'g'))) {
      assert.ok(used!.replace(/_bucket$/, '') in METRICS, `${name}: ${used}`);
    }
    for (const [, list] of queries[0]!.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of list!.split(', ')) {
        assert.ok(labels.has(label) || ['instance', 'le'].includes(label), `${name}: by ${label}`);
      }
    }
  }
});

test('every value of every closed label is explained, and no other', () => {
  for (const [heading, label, values] of CLOSED) {
    const table = sections.get(heading)?.tables.find(({ header }) => header[0] === label);
    assert.deepEqual(
      table?.rows.map(([value]) => value),
      values,
      `${heading}: ${label}`,
    );
    for (const row of table!.rows) assert.ok(row[1]!.length > 2, `${heading}: ${row[0]}`);
  }
});

test('each label of each metric has its values explained', () => {
  const said = new Set(CLOSED.map(([section, label]) => `${section}/${label}`));
  const shared = ['cause', 'outcome', 'sender', 'verdict', 'mapping'];
  for (const [name, { labels }] of Object.entries(METRICS)) {
    for (const label of labels) {
      const where = shared.includes(label)
        ? label
        : name === 'topology_errors_total'
          ? 'topology_synced'
          : name;
      assert.ok(OPEN.test(label) || said.has(`${where}/${label}`), `${name}: ${label}`);
    }
  }
});

test('the metrics of the Node.js process have their rows, with type and labels, and nothing else has', {
  skip: process.platform !== 'linux' && 'some of them exist on Linux only',
}, () => {
  const registry = new Registry();
  addProcessMetrics(registry);
  const expected = registry.getMetricsAsArray().map((metric) => {
    const { labelNames } = metric as unknown as { readonly labelNames: readonly string[] };
    return {
      name: metric.name,
      type: String(metric.type),
      labels: labelNames.filter((label) => label !== 'le'),
    };
  });
  const table = sections.get('Metrics of the Node.js process')?.tables[0];
  const found = table?.rows.map(([name, type, labels]) => ({
    name,
    type,
    labels: [...labels!.matchAll(/\w+/g)].map(([label]) => label),
  }));
  assert.deepEqual(found, expected);
});

test('docs/metrics.md is linked from the README and from operations.md', () => {
  const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
  assert.match(read('README.md'), /\(docs\/metrics\.md\)/);
  assert.match(read('docs/operations.md'), /\(metrics\.md\)/);
});
