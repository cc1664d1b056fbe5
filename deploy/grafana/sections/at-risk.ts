import { ORANGE, REASON_COLORS, VERMILION } from '../colors.ts';
import {
  CLIENT_COLUMNS,
  CLIENT_LABELS,
  countColumn,
  SERVICE_COLUMNS,
  SERVICE_LABELS,
  wordColors,
} from '../columns.ts';
import { COUNT, coloredText, SECONDS, thresholds, unit } from '../fields.ts';
import { areas } from '../graphs.ts';
import type { Section } from '../layout.ts';
import type { Scope } from '../scope.ts';
import { table } from '../tables.ts';

const NONE = 'no connection is known to be at risk';
const ROW_LABELS = [...SERVICE_LABELS, ...CLIENT_LABELS, 'reason'];
/** Those that are protected have a section of their own. */
const UNPROTECTED = 'reason!="protected"';
const HOUR = 3600;

/** What will break next. */
export function atRisk(scope: Scope): Section {
  return {
    title: 'Connections at risk',
    lines: [
      {
        height: 10,
        panels: [
          [8, byReason(scope)],
          [10, rows(scope)],
          [6, nextExpiry(scope)],
        ],
      },
    ],
  };
}

function byReason(scope: Scope) {
  const panel = {
    title: 'Connections at risk by reason',
    description:
      'Open connections that break if they stay idle. **no_keepalive**: set SO_KEEPALIVE with TCP_KEEPIDLE below the ' +
      'smallest timeout in the path. **slow_keepalive**: the first probe comes too late; lower TCP_KEEPIDLE, or the ' +
      "pod's sysctl net.ipv4.tcp_keepalive_time. **unknown**: the client's socket cannot be seen from its node (component " +
      'socket-audit).',
    unit: COUNT,
    decimals: 0,
    noValue: 'No connection is known to be at risk',
    queries: [
      { expr: `sum by (reason) (${scope.select('connections_at_risk', UNPROTECTED)})`, legend: '{{reason}}' },
    ],
  };
  return areas(panel, REASON_COLORS);
}

function rows(scope: Scope) {
  return table({
    title: 'Who is at risk',
    none: NONE,
    description:
      'Now, at most 100 rows, those with the most connections first: fix the keepalive of these workloads. ' +
      '`conntrack-watchdog audit` in the pod of the agent lists each connection with the time it has left.',
    queries: [
      {
        expr: `topk(100, sum by (${ROW_LABELS.join(', ')}) (${scope.select('connections_at_risk', UNPROTECTED)}) > 0)`,
      },
    ],
    columns: [
      ...SERVICE_COLUMNS,
      ...CLIENT_COLUMNS,
      { field: 'reason', heading: 'Reason', look: wordColors(REASON_COLORS) },
      countColumn('Connections'),
    ],
    sortBy: 'Connections',
  });
}

function nextExpiry(scope: Scope) {
  return table({
    title: 'Next to lose an entry',
    none: NONE,
    description:
      'Time until the first connection at risk of a Service loses its entry if it stays idle; the 50 soonest. When it is ' +
      'short, use or close the idle connections of its clients before it is over, and then set a keepalive.',
    queries: [
      { expr: `bottomk(50, min by (${SERVICE_LABELS.join(', ')}) (${scope.select('next_expiry_seconds')}))` },
    ],
    columns: [
      ...SERVICE_COLUMNS,
      {
        field: 'Value',
        heading: 'Time left',
        look: [unit(SECONDS), ...coloredText(thresholds([0, VERMILION], [HOUR / 4, ORANGE], [HOUR, 'text']))],
      },
    ],
    sortBy: 'Time left',
    ascending: true,
  });
}
