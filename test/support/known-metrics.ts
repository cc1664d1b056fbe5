/** Which metrics and labels there are, for rules and documents that name them in PromQL. */
import assert from 'node:assert/strict';
import { METRICS, PREFIX } from '../../src/report/metric-table.ts';
import { namesIn } from './promql.ts';
import { readRules } from './rules-file.ts';

const RECORDS = new Map(
  readRules().flatMap((rule) => (rule.record === undefined ? [] : [[rule.record, rule]])),
);

/** Labels that a target has, by scrape-config.yaml, the PodMonitor or a relabelling of many clusters. */
const TARGET_LABELS = ['job', 'instance', 'node', 'namespace', 'pod', 'container', 'endpoint', 'cluster'];

/** Of Prometheus, of prom-client, and of kube-state-metrics. */
const FOREIGN: Readonly<Record<string, readonly string[]>> = {
  up: [],
  scrape_duration_seconds: [],
  process_start_time_seconds: [],
  process_cpu_seconds_total: [],
  kube_pod_info: ['created_by_kind', 'created_by_name'],
  kube_pod_status_ready: ['condition'],
  kube_daemonset_status_desired_number_scheduled: ['daemonset'],
  kube_daemonset_status_current_number_scheduled: ['daemonset'],
};

/** The labels that an expression can have, those of its metrics and of the rules that record them. */
export function labelsOf(expression: string): Set<string> {
  const made = [...expression.matchAll(/\bcount_values without \(\) \("(\w+)",/g)].map(([, label]) => label!);
  const labels = new Set([...TARGET_LABELS, ...made]);
  for (const name of namesIn(expression).metrics) {
    const record = RECORDS.get(name);
    for (const label of record ? labelsOf(record.expr) : labelsOfMetric(name)) labels.add(label);
  }
  return labels;
}

/** @throws Error if it names a metric that does not exist, or a label that none of its metrics has */
export function checkExpression(expression: string): void {
  const known = labelsOf(expression);
  for (const label of namesIn(expression).labels) {
    assert.ok(known.has(label), `no metric of this expression has the label ${label}: ${expression}`);
  }
}

function labelsOfMetric(name: string): readonly string[] {
  const own: Readonly<
    Record<string, { readonly labels: readonly string[]; readonly type: string } | undefined>
  > = METRICS;
  const short = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '';
  const histogram = own[short.replace(/_(bucket|sum|count)$/, '')];
  const labels =
    FOREIGN[name] ??
    own[short]?.labels ??
    (histogram?.type === 'histogram' ? [...histogram.labels, 'le'] : undefined);
  assert.ok(labels, `there is no metric ${name}`);
  return labels;
}
