import { RANGE, sumIn } from '../count-in.ts';
import { FLEET } from '../scope.ts';

/** What can be wrong with a node: the series of those with which it is, and the words for it. */
const CHECKS: readonly (readonly [expr: string, problem: string])[] = [
  [`${FLEET.selectTarget('up')} == 0`, 'down: its agent is not scraped'],
  [`${sumIn(['instance'], RANGE, FLEET, 'events_lost_total')} > 0`, 'losing events'],
  [`${sumIn(['instance'], RANGE, FLEET, 'renewals_total', 'result="failed"')} > 0`, 'renewals failed'],
  [`${FLEET.select('table_entries')} / (${FLEET.select('table_limit')} > 0) > 0.9`, 'table nearly full'],
  [`${FLEET.select('kernel_setting', 'name="nf_conntrack_tcp_loose"')} == 0`, 'tcp_loose off'],
  [`${FLEET.select('topology_synced')} == 0`, 'names may be missing or old'],
];

const NOT_READY = `max by (instance, problem) (
  label_replace(${FLEET.select('ready_condition')} == 0, "problem", "not ready: $1", "condition", "(.*)")
)`;

const ALL_IS_WELL = `label_replace(
  label_replace(0 * sum(${FLEET.select('build_info')}), "problem", "none", "", ""),
  "instance", "no node", "", ""
)`;

const EACH = [
  ...CHECKS.map(
    ([expr, problem]) => `label_replace(max by (instance) (${expr}), "problem", "${problem}", "", "")`,
  ),
  NOT_READY,
].join('\nor\n');

/** A series for each node and problem; one that says `none`, if there are agents and none has a problem. */
export const PROBLEMS = `${EACH}\nor on ()\n${ALL_IS_WELL}`;
