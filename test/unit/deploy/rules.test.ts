/** Names in the rules: alerts, metrics, labels, texts. What the rules do is in test/prometheus. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkExpression, labelsOf } from '../../support/known-metrics.ts';
import { namesIn, queriesIn } from '../../support/promql.ts';
import { alertsOf, RULES_FILE, readRules } from '../../support/rules-file.ts';

const RULES = readRules();
const ALERTS = alertsOf(RULES);

const SEVERITIES = {
  ConntrackConnectionsBroken: 'warning',
  ConntrackMassBreak: 'critical',
  ConntrackConnectionsStalled: 'warning',
  ConntrackConnectionsAtRisk: 'info',
  ConntrackConnectionsAboutToExpire: 'warning',
  ConntrackRenewalsFailing: 'warning',
  ConntrackTableNearlyFull: 'warning',
  ConntrackInvalidPackets: 'warning',
  ConntrackWatchdogEventsLost: 'warning',
  ConntrackWatchdogBlind: 'critical',
  ConntrackWatchdogNotReady: 'warning',
  ConntrackWatchdogDown: 'warning',
  ConntrackWatchdogAbsent: 'critical',
};

test('these are the alerts', () => {
  assert.deepEqual(
    Object.fromEntries(ALERTS.map(({ alert, labels }) => [alert, labels?.['severity']])),
    SEVERITIES,
  );
  assert.equal(ALERTS.length, Object.keys(SEVERITIES).length);
});

test('rules are in one group, so that alerts have the recorded values of the same moment', () => {
  assert.equal(readFileSync(RULES_FILE, 'utf8').match(/^ {2}- name:/gm)?.length, 1);
  const firstAlert = RULES.findIndex(({ alert }) => alert !== undefined);
  assert.ok(RULES.slice(firstAlert).every(({ record }) => record === undefined));
});

test('recorded series are known before they are used', () => {
  const seen = new Set<string>();
  for (const { expr, record } of RULES) {
    for (const name of namesIn(expr).metrics) assert.ok(!name.includes(':') || seen.has(name), name);
    if (record !== undefined) seen.add(record);
  }
});

for (const { record, alert, expr } of RULES) {
  test(`${alert ?? record} asks for metrics and labels that there are`, () => checkExpression(expr));
}

const base = ALERTS[0]?.annotations?.['runbook_url']?.replace(/[^/]*$/, '') ?? '';

for (const { alert, expr, annotations } of ALERTS) {
  test(`${alert} has its texts, with labels it has and queries that make sense`, () => {
    assert.deepEqual(Object.keys(annotations ?? {}).toSorted(), ['description', 'runbook_url', 'summary']);
    const { summary = '', description = '', runbook_url } = annotations ?? {};
    assert.equal(runbook_url, `${base}${alert}.md`);
    assert.match(description, /First: /);
    const known = labelsOf(expr);
    for (const [, label = ''] of (summary + description).matchAll(/\$labels\.(\w+)/g)) {
      assert.ok(known.has(label), `no such label: ${label}`);
    }
    const queries = queriesIn(description);
    assert.equal(queries.length, description.match(/\bquery\b/g)?.length ?? 0);
    for (const query of queries) checkExpression(query);
    const queried = new Set(queries.flatMap((query) => [...labelsOf(query)]));
    for (const [, label = ''] of description.matchAll(/ \.Labels\.(\w+)/g)) {
      assert.ok(queried.has(label), `no query has the label ${label}`);
    }
  });
}

test('runbooks are below one address, and the rules file says how to change it', () => {
  assert.equal(base, 'https://github.com/conntrack-watchdog/conntrack-watchdog/blob/main/docs/runbooks/');
  assert.match(readFileSync(RULES_FILE, 'utf8'), new RegExp(`^#.*sed -i 's\\|${base}\\|`, 'm'));
});

test('names are found in PromQL', () => {
  const { metrics, labels } = namesIn(
    'sum without (a, b) (x:y offset 5m) / on (c) group_left (d) rate(z_total{e=~"q{", f!="g"}[5m]) and k > 600 or time() == 1',
  );
  assert.deepEqual([...metrics], ['x:y', 'z_total', 'k']);
  assert.deepEqual([...labels].toSorted(), ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.throws(() => checkExpression('conntrack_watchdog_nothing_total > 0'), /there is no metric/);
  assert.throws(() => checkExpression('conntrack_watchdog_ready{stat="x"}'), /label stat/);
  assert.deepEqual(queriesIn('{{ query (printf "a{b=%q}" .x) }} {{ query "c{d=\\"e\\"}" }}'), [
    'a{b="x"}',
    'c{d="e"}',
  ]);
});
