/** How full the table is, in the dashboards: nf_conntrack_max may be 0, which is no limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DASHBOARDS, queriesOf, readDashboard } from '../support/dashboard-queries.ts';
import { skip } from '../support/prometheus.ts';
import { testQuery } from '../support/promtool-query.ts';

const CHOSEN = { rangeSeconds: 600, stepSeconds: 60, rateSeconds: 240, variables: { node: 'node-1' } };
const TARGET = 'job="conntrack-watchdog",instance="node-1"';

const queries = DASHBOARDS.flatMap((name) =>
  queriesOf(readDashboard(name), CHOSEN)
    .filter(({ expr }) => expr.includes('table_entries') && expr.includes('table_limit'))
    .map((query) => ({ ...query, name })),
);

test('three panels have it', () => {
  assert.deepEqual(queries.map(({ name, panel }) => `${name}: ${panel}`).toSorted(), [
    'fleet: Nodes',
    'fleet: Nodes that need attention',
    'node: Table full',
  ]);
});

for (const { name, panel, expr } of queries) {
  test(`a table without a limit is not full: ${name}, ${panel}`, { skip }, () => {
    const at = (limit: number) => [
      { series: `conntrack_watchdog_table_entries{${TARGET}}`, values: '95x10' },
      { series: `conntrack_watchdog_table_limit{${TARGET}}`, values: `${limit}x10` },
    ];
    assert.equal(testQuery(expr, { series: at(0), at: '10m', samples: [] }), 'as expected');
    assert.match(testQuery(expr, { series: at(100), at: '10m', samples: [] }), /0\.95|9\.5E-01/);
  });
}
