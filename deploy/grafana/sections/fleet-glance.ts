import { ORANGE, VERMILION } from '../colors.ts';
import { RANGE, sumIn } from '../count-in.ts';
import { thresholds } from '../fields.ts';
import type { Section } from '../layout.ts';
import { count } from '../numbers.ts';
import { FLEET } from '../scope.ts';

const WARN = thresholds([1, ORANGE]);
const BAD = thresholds([1, VERMILION]);
/** 0, if there is an agent that could have counted something: no agents and no breaks are not the same. */
const ELSE_ZERO = `or 0 * sum(${FLEET.select('build_info')})`;
/** The same, if there was a snapshot that could have found some. */
const ELSE_ZERO_IN_SNAPSHOT = `or 0 * sum(${FLEET.select('snapshot_flows')})`;

/** Whether there is something to look at, and whether all could look. */
export const FLEET_GLANCE: Section = {
  title: 'At a glance',
  lines: [
    {
      height: 4,
      panels: [
        [3, broken()],
        [3, stalled()],
        [3, survived()],
        [3, atRiskNow()],
        [3, agents()],
        [3, deaf()],
        [3, blind()],
        [3, losing()],
      ],
    },
  ],
};

function broken() {
  const spec = {
    title: 'Broken',
    description:
      'Connections that broke in the time range because their conntrack entry was lost. Any is one too many: see below ' +
      'for whom and why.',
    expr: `${sumIn([], RANGE, FLEET, 'broken_connections_total')} ${ELSE_ZERO}`,
  };
  return count(spec, thresholds([1, ORANGE], [100, VERMILION]));
}

function stalled() {
  const spec = {
    title: 'Of these stalled',
    description:
      'Broken connections whose client got no answer at all and hangs until its own timeout. Worse than a reset: find ' +
      'the workload below and set TCP_USER_TIMEOUT there.',
    expr: `${sumIn([], RANGE, FLEET, 'broken_connections_total', 'outcome="stalled"')} ${ELSE_ZERO}`,
  };
  return count(spec, BAD);
}

function survived() {
  return count({
    title: 'Near misses',
    description:
      'Connections that lost their entry in the time range and went on because the same backend was picked again. They ' +
      'break when there are more backends: fix their keepalive too.',
    expr: `${sumIn([], RANGE, FLEET, 'pickups_total', 'verdict="survived"')} ${ELSE_ZERO}`,
  });
}

function atRiskNow() {
  const spec = {
    title: 'At risk now',
    description:
      'Open connections that break if they stay idle, without those that are protected. See "Connections at risk" for the workloads to fix. No data: no ' +
      'agent has taken a complete snapshot.',
    expr: `sum(${FLEET.select('connections_at_risk', 'reason!="protected"')}) ${ELSE_ZERO_IN_SNAPSHOT}`,
  };
  return count(spec, WARN);
}

function agents() {
  return count({
    title: 'Nodes reporting',
    description:
      'Agents that Prometheus could scrape just now. Fewer than there are nodes: `kubectl -n conntrack-watchdog get pods -o ' +
      'wide` shows where one is missing, and "Nodes that need attention" those that are there and do not answer.',
    expr: `sum(${FLEET.selectTarget('up')})`,
  });
}

function deaf() {
  const ready = FLEET.select('ready');
  const spec = {
    title: 'Nodes not ready',
    description:
      'Agents that cannot see breaks, or cannot name them: "Nodes that need attention" says what each lacks. Breaks on ' +
      'these nodes are missing in all other panels.',
    expr: `count(${ready} == 0) or 0 * count(${ready})`,
  };
  return count(spec, BAD);
}

function blind() {
  const entries = FLEET.select('blind_entries');
  const spec = {
    title: 'Nodes with blind entries',
    description:
      'Nodes with connections that were there before the agent listened and will send no event when they go; snapshots ' +
      'stand in. Normal after a start of the agents. To be rid of it, set net.netfilter.nf_conntrack_events=1 on the nodes.',
    expr: `count(${entries} > 0) or 0 * count(${entries})`,
  };
  return count(spec);
}

function losing() {
  const lost = sumIn(['instance'], RANGE, FLEET, 'events_lost_total');
  const spec = {
    title: 'Nodes losing events',
    description:
      'Nodes where the kernel dropped events in the time range because the receive buffer of the agent was full. Breaks may ' +
      'be told with the cause "unseen". Raise `--receive-buffer`.',
    expr: `count(${lost} > 0) ${ELSE_ZERO}`,
  };
  return count(spec, WARN);
}
