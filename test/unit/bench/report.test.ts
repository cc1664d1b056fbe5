import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metricSum } from '../../../bench/metric-sum.ts';
import { judge } from '../../../bench/requirements.ts';
import type { Section } from '../../../bench/section.ts';
import { plain, sectionText, verdictText } from '../../../bench/text-table.ts';

const METRICS = `# HELP x_events_total Events.
# TYPE x_events_total counter
x_events_total{type="new"} 3
x_events_total{type="destroy"} 100000
x_events_total_more 7
x_lost_total 0
`;

test('a metric is the sum of its series, and a missing one is no 0', () => {
  assert.equal(metricSum(METRICS, 'x_events_total'), 100_003);
  assert.equal(metricSum(METRICS, 'x_lost_total'), 0);
  assert.throws(() => metricSum(METRICS, 'x_events'), /no metric x_events/);
});

test('one series of a metric is asked for with its labels', () => {
  assert.equal(metricSum(METRICS, 'x_events_total{type="new"}'), 3);
  assert.throws(() => metricSum(METRICS, 'x_events_total{type="old"}'), /no metric/);
});

test('a requirement is met at its bound, not above it, and not by nothing', () => {
  assert.equal(judge('listenerCpu', 1 / 50).met, true);
  assert.equal(judge('listenerCpu', 1 / 49).met, false);
  assert.equal(judge('flushLost', 0).met, true);
  assert.equal(judge('flushLost', 1).met, false);
  assert.equal(judge('listenerCpu', Number.NaN).met, false);
});

test('figures are short, and small ratios are fractions', () => {
  assert.deepEqual([0, 1 / 50, 0.5, 1, 1.1, 12.345, 100, Number.NaN].map(plain), [
    '0',
    '1/50',
    '0.50',
    '1',
    '1.10',
    '12.3',
    '100',
    'none',
  ]);
});

const SECTION: Section = {
  id: 'a',
  title: 'Who is faster',
  rows: [
    ['listener', 'ms'],
    ['agent', '5'],
    ['conntrack -E', '1,000'],
  ],
  notes: ['A note.'],
  verdicts: [judge('listenerCpu', 0.005), judge('flushLost', 2)],
  data: {},
};

test('names to the left, figures to the right', () => {
  assert.equal(
    sectionText(SECTION),
    `(a) Who is faster
  listener         ms
  --------         --
  agent             5
  conntrack -E  1,000
  A note.
`,
  );
});

test('what is not met cannot be overlooked', () => {
  const [heading, met, failed] = verdictText([SECTION]).split('\n');
  assert.match(heading!, /requirement +at most +measured/);
  assert.match(met!, /^ {2}\(a\) .* 1\/50 +1\/200 +met$/);
  assert.match(failed!, /^ {2}\(c\) .* 0 +2 +NOT MET$/);
});
