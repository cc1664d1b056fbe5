import { PROTECTION_COLORS, RENEWAL_COLORS } from '../colors.ts';
import { CLIENT_COLUMNS, CLIENT_LABELS, countColumn, SERVICE_COLUMNS, SERVICE_LABELS } from '../columns.ts';
import { STEP, sumIn } from '../count-in.ts';
import { COUNT } from '../fields.ts';
import { bars, lines } from '../graphs.ts';
import type { Section } from '../layout.ts';
import type { Scope } from '../scope.ts';
import { table } from '../tables.ts';

const NONE = 'Nothing is protected (--protect renew)';
const ROW_LABELS = [...SERVICE_LABELS, ...CLIENT_LABELS].join(', ');

/** Whose entries are kept alive, and what comes of it. */
export function protection(scope: Scope): Section {
  return {
    title: 'Protection (--protect renew)',
    lines: [
      {
        height: 9,
        panels: [
          [8, connections(scope)],
          [8, renewals(scope)],
          [8, skipped(scope)],
        ],
      },
      { height: 10, panels: [[24, rows(scope)]] },
    ],
  };
}

const wouldBeAtRisk = (scope: Scope) => scope.select('connections_at_risk', 'reason="protected"');

function connections(scope: Scope) {
  const panel = {
    title: 'Protected connections',
    description:
      'Open connections whose entries are renewed before they expire. **would be at risk**: those of them that would break ' +
      'without it if they stayed idle; a keepalive in their clients makes them independent of the agent.',
    unit: COUNT,
    decimals: 0,
    noValue: NONE,
    queries: [
      { expr: `sum(${scope.select('protected_connections')})`, legend: 'protected' },
      { expr: `sum(${wouldBeAtRisk(scope)})`, legend: 'would be at risk' },
    ],
  };
  return lines(panel, PROTECTION_COLORS);
}

function renewals(scope: Scope) {
  const panel = {
    title: 'Renewals by result',
    description:
      'Entries of protected connections that were due, in each step of the graph. **changed** and **gone**: used, closed or ' +
      'replaced since the table was read, and left alone. **failed**: the kernel refused or did not answer; the log of the ' +
      'agent (event "renewals_failed") says what it said. It is tried again in each round.',
    noValue: NONE,
    queries: [{ expr: sumIn(['result'], STEP, scope, 'renewals_total'), legend: '{{result}}' }],
  };
  return bars(panel, RENEWAL_COLORS);
}

function skipped(scope: Scope) {
  return bars({
    title: 'Left to expire by reason',
    description:
      'Entries that were due and are not renewed, of whole nodes. **client_gone** and **half_closed** are normal. ' +
      '**client_unseen**: the socket is elsewhere, or hostPID is missing. **ipvs**: it cannot be done; set keepalive. ' +
      '**max_idle**: idle for longer than `--protect-max-idle`. **limit**: more than one round does; they come next.',
    noValue: 'Nothing was left to expire',
    queries: [
      { expr: `${sumIn(['reason'], STEP, scope, 'renewals_skipped_total')} > 0`, legend: '{{reason}}' },
    ],
  });
}

function rows(scope: Scope) {
  const most = `topk(100, sum by (${ROW_LABELS}) (${scope.select('protected_connections')}) > 0)`;
  return table({
    title: 'Who is protected',
    none: 'nothing is protected',
    description:
      'Now, at most 100 rows, those with the most connections first. Those that would be at risk break when protection ends, ' +
      'with the agent or with `--protect-max-idle`: fix the keepalive of these workloads all the same.',
    queries: [{ expr: most }, { expr: `sum by (${ROW_LABELS}) (${wouldBeAtRisk(scope)}) and ${most}` }],
    columns: [
      ...SERVICE_COLUMNS,
      ...CLIENT_COLUMNS,
      countColumn('Connections', 'Value #A'),
      countColumn('Would be at risk', 'Value #B'),
    ],
    sortBy: 'Connections',
  });
}
