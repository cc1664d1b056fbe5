import { CAUSE_COLORS, OUTCOME_COLORS } from '../colors.ts';
import {
  CAUSE_COLUMN,
  CLIENT_COLUMNS,
  CLIENT_LABELS,
  CLIENT_LEGEND,
  countColumn,
  OUTCOME_COLUMN,
  SERVICE_COLUMNS,
  SERVICE_LABELS,
  SERVICE_LEGEND,
} from '../columns.ts';
import { RANGE, STEP, sumIn } from '../count-in.ts';
import { bars } from '../graphs.ts';
import type { Section } from '../layout.ts';
import type { Scope } from '../scope.ts';
import { table } from '../tables.ts';

const BROKEN = 'broken_connections_total';
const NONE = 'No broken connection was seen in this time';
const ROW_LABELS = [...SERVICE_LABELS, ...CLIENT_LABELS, 'cause', 'outcome'];

/** What broke: when, why, how, for whom. */
export function breaks(scope: Scope): Section {
  return {
    title: 'Broken connections',
    lines: [
      {
        height: 9,
        panels: [
          [14, byCause(scope)],
          [10, byOutcome(scope)],
        ],
      },
      {
        height: 10,
        panels: [
          [12, byService(scope)],
          [12, byClient(scope)],
        ],
      },
      { height: 10, panels: [[24, rows(scope)]] },
    ],
  };
}

function byCause(scope: Scope) {
  const panel = {
    title: 'Broken connections by cause',
    description:
      'Connections that broke because their conntrack entry was lost, in each step of the graph. ' +
      '**timeout**: idle for longer than the timeout of the entry; set TCP_KEEPIDLE of the client below the smallest ' +
      'timeout in the path. **deleted**: a program deleted the entry (`conntrack -F`, a CNI agent, kube-proxy); the log ' +
      'line has its port id. **ipvs**: IPVS forgot it after its own timeout, 900 s unless kube-proxy is told otherwise. ' +
      '**kernel**: removed early, as in a full table. **unseen**: nobody saw it go; look for blind entries and lost events.',
    noValue: NONE,
    queries: [{ expr: sumIn(['cause'], STEP, scope, BROKEN), legend: '{{cause}}' }],
  };
  return bars(panel, CAUSE_COLORS);
}

function byOutcome(scope: Scope) {
  const panel = {
    title: 'Broken connections by outcome',
    description:
      'What the application saw. **reset**: "connection reset by peer", at once. **stalled**: no answer at all; it hangs ' +
      'until its own timeout or TCP gives up, which takes 15 minutes and more: look at these first, and set ' +
      'TCP_USER_TIMEOUT in the client.',
    noValue: NONE,
    queries: [{ expr: sumIn(['outcome'], STEP, scope, BROKEN), legend: '{{outcome}}' }],
  };
  return bars(panel, OUTCOME_COLORS);
}

function byService(scope: Scope) {
  return bars({
    title: 'Broken connections by Service',
    description:
      'The ten Services with the most in each step. One Service alone: look at its clients and their keepalive. All at ' +
      'the same moment: a table was flushed or a node is in trouble. Without a namespace it is an address of no Service.',
    noValue: NONE,
    queries: [
      { expr: `topk(10, ${sumIn(SERVICE_LABELS, STEP, scope, BROKEN)} > 0)`, legend: SERVICE_LEGEND },
    ],
  });
}

function byClient(scope: Scope) {
  return bars({
    title: 'Broken connections by client workload',
    description:
      'The ten client workloads with the most in each step: this is where keepalive, pool idle limits and retries are ' +
      'set. Node/NAME is a process on the host network; an empty name is a client from outside of the cluster.',
    noValue: NONE,
    queries: [{ expr: `topk(10, ${sumIn(CLIENT_LABELS, STEP, scope, BROKEN)} > 0)`, legend: CLIENT_LEGEND }],
  });
}

function rows(scope: Scope) {
  return table({
    title: 'Who lost connections to what, and why',
    none: 'no broken connection was seen',
    description:
      'All of the time range, at most 100 rows. The log of the agent (event "connection_broken") and ' +
      '`kubectl describe pod` have each single one, with pods, backends, and how long it was idle.',
    queries: [{ expr: `topk(100, ${sumIn(ROW_LABELS, RANGE, scope, BROKEN)} > 0)` }],
    columns: [
      ...SERVICE_COLUMNS,
      ...CLIENT_COLUMNS,
      CAUSE_COLUMN,
      OUTCOME_COLUMN,
      countColumn('Connections'),
    ],
    sortBy: 'Connections',
  });
}
