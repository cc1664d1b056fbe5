import { CAUSE_COLORS, VERDICT_COLORS } from '../colors.ts';
import { countColumn, wordColors } from '../columns.ts';
import { RANGE, STEP, sumIn } from '../count-in.ts';
import { bars } from '../graphs.ts';
import type { Section } from '../layout.ts';
import type { Scope } from '../scope.ts';
import { table } from '../tables.ts';

/** What came close: entries that were lost, and connections that were used again without breaking. */
export function nearMisses(scope: Scope): Section {
  return {
    title: 'Near misses and lost entries',
    lines: [
      {
        height: 10,
        panels: [
          [8, byVerdict(scope)],
          [6, byMapping(scope)],
          [10, lostEntries(scope)],
        ],
      },
    ],
  };
}

function byVerdict(scope: Scope) {
  const panel = {
    title: 'Pickups by verdict',
    description:
      'Connections that were used again after their entry was lost, by what became of them. **survived** are near misses: ' +
      'the rules happened to pick the same backend, with more backends the next one breaks. What prevents breaks ' +
      'prevents these. **reset** with the mapping "same" is a server that restarted, and no break.',
    noValue: 'No connection was seen that was used again without its entry',
    queries: [{ expr: sumIn(['verdict'], STEP, scope, 'pickups_total'), legend: '{{verdict}}' }],
  };
  return bars(panel, VERDICT_COLORS);
}

function byMapping(scope: Scope) {
  return table({
    title: 'Pickups by verdict and mapping',
    none: 'no connection was seen that was used again without its entry',
    description:
      'All of the time range. The mapping is the new entry against the old: **backend_changed** another backend, ' +
      '**source_changed** the same one but another masqueraded port, **same**, **unknown** the old one is not known, ' +
      '**none** not translated at all: IPVS gave up, or there is no rule.',
    queries: [{ expr: sumIn(['verdict', 'mapping'], RANGE, scope, 'pickups_total') }],
    columns: [
      { field: 'verdict', heading: 'Verdict', look: wordColors(VERDICT_COLORS) },
      { field: 'mapping', heading: 'Mapping' },
      countColumn('Pickups'),
    ],
    sortBy: 'Pickups',
  });
}

function lostEntries(scope: Scope) {
  const panel = {
    title: 'Lost entries by cause',
    description:
      'Entries that went away under an open connection, whether it was used again or not. Far more of these than broken ' +
      'connections: many idle connections that nobody has used yet, each of them may break when it is. **deleted** in ' +
      'great numbers at once is a flush: find the program by the port id in the log of the agent.',
    noValue: 'No entry was seen to be lost under an open connection',
    queries: [{ expr: sumIn(['cause'], STEP, scope, 'lost_entries_total'), legend: '{{cause}}' }],
  };
  return bars(panel, CAUSE_COLORS);
}
