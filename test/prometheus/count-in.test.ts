/** What the dashboards count, by Prometheus' own `promtool test rules`: one minute is one value, the range 30 minutes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RANGE, sumIn } from '../../deploy/grafana/count-in.ts';
import { NODE } from '../../deploy/grafana/scope.ts';
import { interpolate, timesOf } from '../support/dashboard-queries.ts';
import { skip } from '../support/prometheus.ts';
import { testQuery } from '../support/promtool-query.ts';

const TARGET = 'job="conntrack-watchdog",instance="node-1"';
const SERIES = {
  agent: `conntrack_watchdog_build_info{${TARGET},version="0.1.0"}`,
  start: `process_start_time_seconds{${TARGET}}`,
  broken: `conntrack_watchdog_broken_connections_total{${TARGET},service_name="redis",cause="timeout"}`,
};
const RANGE_SECONDS = 1800;
const END = '60m';

/** Values by minute, as promtool writes them: `1x60` is 1 for an hour, `_x10` nothing for ten minutes. */
type Values = Readonly<Record<keyof typeof SERIES, string>>;

const CASES: readonly (readonly [what: string, values: Values, broken: number])[] = [
  ['nothing new', { agent: '1x60', start: '0x60', broken: '5x60' }, 0],
  ['more than before the range', { agent: '1x60', start: '0x60', broken: '5x40 7x20' }, 2],
  ['a series that comes into being at 1', { agent: '1x60', start: '0x60', broken: '_x50 1x10' }, 1],
  ['an agent that is new', { agent: '_x40 1x20', start: '_x40 2400x20', broken: '_x42 2x18' }, 2],
  ['an agent that restarted', { agent: '1x60', start: '0x45 2700x15', broken: '5x40 6x5 2x15' }, 3],
  [
    'a restart, and the series again later',
    { agent: '1x60', start: '0x40 2400x20', broken: '5x40 stale _x9 1x10' },
    1,
  ],
  [
    'a restart, and the series not again',
    { agent: '1x60', start: '0x45 2700x15', broken: '5x40 6x5 stale' },
    1,
  ],
  [
    'a restart before the first break of both agents',
    { agent: '1x60', start: '0x40 2400x20', broken: '_x35 3x6 stale _x8 2x10' },
    5,
  ],
  [
    'a restart with as much as before: 1 + 6 at least 6',
    { agent: '1x60', start: '0x45 2700x15', broken: '5x40 6x20' },
    6,
  ],
  [
    'a restart with more than before: 1 + 8 at least 8',
    { agent: '1x60', start: '0x45 2700x15', broken: '5x40 6x5 8x15' },
    8,
  ],
  [
    'two restarts: 3 + 5 + 1 at least 6',
    { agent: '1x60', start: '0x40 2400x5 2700x15', broken: '_x35 3x5 5x5 1x15' },
    6,
  ],
  [
    'a restart before the range that Prometheus did not see',
    { agent: '1x31 _x5 1x24', start: '0x31 _x5 1860x24', broken: '5x31 _x5 7x24' },
    7,
  ],
  [
    'a restart, and Prometheus is newer than the first agent',
    { agent: '_x40 1x20', start: '_x40 0x5 2700x15', broken: '_x40 100x5 2x15' },
    2,
  ],
  ['a node that is gone', { agent: '1x45 stale', start: '0x45 stale', broken: '_x35 3x10 stale' }, 3],
  [
    'Prometheus was away when the range began',
    { agent: '1x20 _x15 1x25', start: '0x60', broken: '5x20 _x15 5x25' },
    0,
  ],
  ['Prometheus is newer than the agent', { agent: '_x40 1x20', start: '_x40 0x20', broken: '_x40 5x20' }, 0],
];

const query = interpolate(sumIn([], RANGE, NODE, 'broken_connections_total'), {
  ...timesOf({ rangeSeconds: RANGE_SECONDS, stepSeconds: 60, rateSeconds: 240 }),
  job: 'conntrack-watchdog',
  node: 'node-1',
});

function promtool(values: Values, broken: number): string {
  const names = Object.keys(SERIES) as (keyof Values)[];
  const series = names.map((name) => ({ series: SERIES[name], values: values[name] }));
  return testQuery(query, { series, at: END, samples: [{ labels: '{}', value: broken }] });
}

for (const [what, values, broken] of CASES) {
  test(`connections broken in the range: ${what}`, { skip }, () => {
    assert.equal(promtool(values, broken), 'as expected');
    assert.match(promtool(values, broken + 1), /FAILED/, 'and it is no other number');
  });
}
