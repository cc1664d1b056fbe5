import { BLUE, ORANGE, VERMILION } from '../colors.ts';
import { RANGE, sumIn } from '../count-in.ts';
import { RATIO, SECONDS, thresholds, words } from '../fields.ts';
import type { Section } from '../layout.ts';
import { count, stat } from '../numbers.ts';
import { NODE } from '../scope.ts';

const ELSE_ZERO = `or 0 * sum(${NODE.select('build_info')})`;
const ELSE_ZERO_IN_SNAPSHOT = `or 0 * sum(${NODE.select('snapshot_flows')})`;
const FULLNESS = `sum(${NODE.select('table_entries')}) / (sum(${NODE.select('table_limit')}) > 0)`;
const READINESS = words({ 1: ['ready', BLUE], 0: ['not ready', VERMILION] });
const WARN = thresholds([1, ORANGE]);

/** Whether something is wrong with this node, and whether its agent could see it. */
export const NODE_GLANCE: Section = {
  title: 'At a glance',
  lines: [
    {
      height: 4,
      panels: [
        [3, ready()],
        [3, broken()],
        [3, survived()],
        [3, atRiskNow()],
        [3, nextExpiry()],
        [3, full()],
        [3, blind()],
        [3, lost()],
      ],
    },
  ],
};

function ready() {
  return stat({
    title: 'Agent',
    description:
      'Whether /readyz says ready. Not ready: "Conditions of readiness" below says what is missing; meanwhile breaks on this ' +
      'node are not seen, or not named. No data: there is no agent, or Prometheus cannot reach port 9469 of the node.',
    unit: 'none',
    noValue: 'no agent',
    expr: `max(${NODE.select('ready')})`,
  }).mappings(READINESS);
}

function broken() {
  const spec = {
    title: 'Broken',
    description:
      'Connections through this node that broke in the time range because their conntrack entry was lost. See below for whom ' +
      'and why.',
    expr: `${sumIn([], RANGE, NODE, 'broken_connections_total')} ${ELSE_ZERO}`,
  };
  return count(spec, thresholds([1, ORANGE], [20, VERMILION]));
}

function survived() {
  return count({
    title: 'Near misses',
    description:
      'Connections that lost their entry in the time range and went on because the same backend was picked again. Fix their ' +
      'keepalive too.',
    expr: `${sumIn([], RANGE, NODE, 'pickups_total', 'verdict="survived"')} ${ELSE_ZERO}`,
  });
}

function atRiskNow() {
  const spec = {
    title: 'At risk now',
    description:
      'Open connections of this node that break if they stay idle, without those that are protected: "Who is at risk" names the workloads to fix. No data: no ' +
      'complete snapshot yet.',
    expr: `sum(${NODE.select('connections_at_risk', 'reason!="protected"')}) ${ELSE_ZERO_IN_SNAPSHOT}`,
  };
  return count(spec, WARN);
}

function nextExpiry() {
  const spec = {
    title: 'Next expiry',
    description:
      'Time until the first connection at risk loses its entry if it stays idle. Use or close it before that; "Next to lose ' +
      'an entry" has its Service.',
    unit: SECONDS,
    noValue: 'none known',
    expr: `min(${NODE.select('next_expiry_seconds')})`,
  };
  return stat(spec, thresholds([0, VERMILION], [900, ORANGE], [3600, 'text']));
}

function full() {
  const spec = {
    title: 'Table full',
    description:
      'Entries in the conntrack table against nf_conntrack_max. Near 100 % the kernel removes entries early and drops new ' +
      'connections: raise nf_conntrack_max, or find who makes so many.',
    unit: RATIO,
    decimals: 1,
    expr: FULLNESS,
  };
  return stat(spec, thresholds([0.8, ORANGE], [0.95, VERMILION]));
}

function blind() {
  return count({
    title: 'Blind entries',
    description:
      'Open connections that were made while no agent listened: they send no event when they go, snapshots stand in. Normal ' +
      'after a start. To be rid of it, set net.netfilter.nf_conntrack_events=1. No data: no complete snapshot yet.',
    expr: `sum(${NODE.select('blind_entries')})`,
  });
}

function lost() {
  const spec = {
    title: 'Events lost',
    description:
      'Events that the kernel dropped in the time range because the receive buffer was full: raise `--receive-buffer`.',
    expr: `${sumIn([], RANGE, NODE, 'events_lost_total')} ${ELSE_ZERO}`,
  };
  return count(spec, WARN);
}
