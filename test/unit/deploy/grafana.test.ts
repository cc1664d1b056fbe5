/** The dashboards: complete, and about metrics and labels that exist. Whether data comes is for a real Prometheus. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DASHBOARDS,
  type Panel,
  panelsOf,
  queriesOf,
  readDashboard,
  variableQueriesOf,
  variablesIn,
} from '../../support/dashboard-queries.ts';
import { bareNamesOf, groupingLabelsOf, madeLabelsOf, selectorsOf } from './query-selectors.ts';
import { knownMetrics } from './scraped-metrics.ts';

const known = await knownMetrics();
const TARGET_LABELS = ['job', 'instance'];
/** What a metric with this label has to be filtered by. */
const FLEET_FILTERS = {
  service_namespace: 'service_namespace=~"$service_namespace"',
  service_name: 'service_name=~"$service"',
  client_namespace: 'client_namespace=~"$client_namespace"',
};
const TARGET_FILTERS = { fleet: 'instance=~"$node"', node: 'instance="$node"' };

for (const name of DASHBOARDS) {
  const dashboard = readDashboard(name);
  const panels = panelsOf(dashboard);
  const targets = panels.flatMap(({ title, targets = [] }) =>
    targets.map((target) => ({ ...target, where: `${title} ${target.refId}` })),
  );

  test(`${name}: it keeps its address, and has nothing of a certain Grafana`, () => {
    assert.equal(dashboard.uid, `conntrack-watchdog-${name}`);
    assert.match(dashboard.title, /^conntrack-watchdog \/ /);
    assert.deepEqual(dashboard.tags, ['conntrack-watchdog']);
    for (const key of ['id', 'version', 'iteration']) assert.ok(!(key in dashboard), key);
    const other = DASHBOARDS.find((each) => each !== name);
    assert.ok(dashboard.links.some(({ url }) => url.startsWith(`/d/conntrack-watchdog-${other}?`)));
  });

  test(`${name}: every panel says what it shows, in what unit, and what to do`, () => {
    assert.ok(panels.length > 20);
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    for (const { title, description, datasource, targets, fieldConfig } of panels) {
      assert.ok(title);
      assert.ok((description ?? '').length > 60, title);
      assert.equal(datasource?.uid, `\${datasource}`, title);
      assert.ok(fieldConfig?.defaults.unit, title);
      assert.ok(targets && targets.length > 0, title);
      for (const target of targets) assert.equal(target.datasource?.uid, `\${datasource}`, title);
    }
  });

  test(`${name}: in a table every value has its unit, and what is not renamed is not there`, () => {
    const tables = panels.filter(({ type }) => type === 'table');
    assert.ok(tables.length > 3);
    for (const { title, fieldConfig, transformations = [] } of tables) {
      const { defaults, overrides } = fieldConfig!;
      assert.equal(defaults.unit, 'string', title);
      const [filter, organize] = transformations.slice(-2);
      const headings = organize!.options.renameByName!;
      assert.deepEqual(Object.keys(headings).toSorted(), filter!.options.include!.names.toSorted(), title);
      for (const [field, heading] of Object.entries(headings)) {
        if (!field.startsWith('Value')) continue;
        const look = overrides.find(({ matcher }) => matcher.options === heading);
        assert.ok(
          look?.properties.some(({ id }) => id === 'unit'),
          `${title}: ${heading}`,
        );
      }
    }
  });

  test(`${name}: no two panels overlap, and none sticks out`, () => {
    for (const [index, panel] of dashboard.panels.entries()) {
      assert.ok(panel.gridPos.x >= 0 && panel.gridPos.x + panel.gridPos.w <= 24, panel.title);
      for (const other of dashboard.panels.slice(index + 1)) {
        assert.ok(!overlap(panel, other), `${panel.title} and ${other.title}`);
      }
    }
  });

  test(`${name}: queries name metrics and labels that the agent has`, () => {
    for (const { expr, legendFormat = '', where } of targets) {
      assert.deepEqual(bareNamesOf(expr), [], where);
      const selectors = selectorsOf(expr);
      assert.ok(selectors.length > 0, where);
      for (const { metric, matchers } of selectors) {
        const labels = known.get(metric);
        assert.ok(labels, `${where}: ${metric}`);
        for (const label of matchers.keys()) {
          assert.ok([...labels, ...TARGET_LABELS].includes(label), `${where}: ${metric} has no ${label}`);
        }
      }
      const possible = [
        ...selectors.flatMap(({ metric }) => known.get(metric)!),
        ...TARGET_LABELS,
        // scrape-config.yaml and the PodMonitor add it; where nothing does, an instance has one target.
        'pod',
        ...madeLabelsOf(expr),
      ];
      const inLegend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
      for (const label of [...groupingLabelsOf(expr), ...inLegend]) {
        assert.ok(possible.includes(label), `${where}: no metric there has ${label}`);
      }
    }
  });

  test(`${name}: every query filters by every variable that its metrics have a label for`, () => {
    for (const { expr, where } of targets) {
      for (const { metric, matchers } of selectorsOf(expr)) {
        assert.equal(matchers.get('job'), 'job="$job"', where);
        assert.equal(matchers.get('instance'), TARGET_FILTERS[name], where);
        if (name !== 'fleet') continue;
        for (const [label, filter] of Object.entries(FLEET_FILTERS)) {
          const expected = known.get(metric)!.includes(label) ? filter : undefined;
          assert.equal(matchers.get(label), expected, `${where}: ${metric}`);
        }
      }
    }
  });

  test(`${name}: variables are defined and used, and filled from metrics there are`, () => {
    const defined = dashboard.templating.list.map((variable) => variable.name);
    const used = new Set(variablesIn(JSON.stringify(dashboard)).filter((each) => !each.startsWith('__')));
    assert.deepEqual([...used].toSorted(), defined.toSorted());
    const values = { rangeSeconds: 3600, stepSeconds: 60, rateSeconds: 240, variables: { node: 'node-1' } };
    const fillings = variableQueriesOf(dashboard, values);
    assert.equal(fillings.length, defined.length - 1, 'all but the data source');
    for (const { series, label } of fillings) {
      const metrics = [...known.keys()].filter((metric) => names(series, metric));
      assert.ok(metrics.length > 0, series);
      for (const metric of metrics)
        assert.ok([...known.get(metric)!, ...TARGET_LABELS].includes(label), series);
    }
  });

  test(`${name}: with values for its variables a query has none left`, () => {
    const chosen = { rangeSeconds: 3600, stepSeconds: 60, rateSeconds: 240 };
    const queries = queriesOf(dashboard, { ...chosen, variables: { node: 'node-1' } });
    assert.equal(queries.length, targets.length);
    for (const { expr, panel } of queries) assert.deepEqual(variablesIn(expr), [], panel);
    if (name === 'node') assert.throws(() => queriesOf(dashboard, chosen), /no value for \$node/);
  });
}

/** Whether a selector is about the metric, which it may name in a regular expression: `{__name__=~"prefix_(a|b)"}`. */
function names(selector: string, metric: string): boolean {
  const [, prefix = '', rest] = /^(conntrack_watchdog_)?(.*)$/.exec(metric)!;
  return new RegExp(`(?<!\\w)${prefix}(?:\\([^)]*\\b)?${rest}\\b`).test(selector);
}

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

test('a metric without braces is found, as is a label that a query makes', () => {
  assert.deepEqual(bareNamesOf('sum by (x) (rate(a_total{job="b"}[5m])) / on () forgotten_total'), [
    'forgotten_total',
  ]);
  assert.deepEqual(madeLabelsOf('label_replace(a{b="c"} == 0, "d", "e $1", "f", "(.*)")'), ['d']);
});
