import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { METRICS } from '../../../src/report/metric-table.ts';
import { addProcessMetrics } from '../../../src/report/process-metrics.ts';

/** What Prometheus, its operator and the usual relabelling set for a target. Theirs win, or ours become exported_*. */
const OF_TARGETS = ['job', 'instance', 'namespace', 'pod', 'container', 'node', 'service', 'endpoint'];

test('no metric has a label that scrape targets set themselves', () => {
  const registry = new Registry();
  addProcessMetrics(registry);
  const ofProcess = registry.getMetricsAsArray().map((metric) => {
    const { name, labelNames } = metric as unknown as { name: string; labelNames: readonly string[] };
    return [name, labelNames] as const;
  });
  assert.ok(ofProcess.some(([, labels]) => labels.includes('kind')));
  const ofAgent = Object.entries(METRICS).map(
    ([name, { labels }]) => [name, labels as readonly string[]] as const,
  );
  for (const [name, labels] of [...ofAgent, ...ofProcess]) {
    const taken = labels.filter((label) => OF_TARGETS.includes(label) || label.startsWith('__'));
    assert.deepEqual(taken, [], name);
  }
});
