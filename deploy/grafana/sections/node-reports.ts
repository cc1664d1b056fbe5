import { BLUE, GREY, VERMILION } from '../colors.ts';
import { STEP, sumIn } from '../count-in.ts';
import { thresholds, words } from '../fields.ts';
import { bars, states } from '../graphs.ts';
import type { Section } from '../layout.ts';
import { NODE } from '../scope.ts';

const AGENT = NODE.select('build_info');

/** Where names come from, and where findings go beside the metrics. */
export const NODE_REPORTS: Section = {
  title: 'API server and log',
  lines: [
    {
      height: 8,
      panels: [
        [6, synced()],
        [6, errors()],
        [6, kubernetesEvents()],
        [6, heldBack()],
      ],
    },
  ],
};

/** Instead of series that an agent has only with a certain option: one that says so, on the same node. */
function orElse(value: string, label: string, text: string): string {
  return `or on (job, instance)\nlabel_replace(${value}, "${label}", "${text}", "", "")`;
}

function synced() {
  return states({
    title: 'Names from the API server',
    description:
      'Whether these are known and kept up to date. If not, names in log and metrics may be missing or old: see the log of the ' +
      'agent for `kubernetes`, and its right to list and watch them. "not watched": `--topology` is none or a file.',
    unit: 'none',
    noValue: 'No agent reports',
    queries: [
      {
        expr: `${NODE.select('topology_synced')}\n${orElse(`${AGENT} - 2`, 'resource', 'names')}`,
        legend: '{{resource}}',
      },
    ],
  })
    .thresholds(thresholds([-1, GREY], [0, VERMILION], [1, BLUE]))
    .mappings(
      words({ 1: ['up to date', BLUE], 0: ['missing or old', VERMILION], '-1': ['not watched', GREY] }),
    );
}

function errors() {
  return bars({
    title: 'Errors of the API server',
    description:
      'Requests that failed, watches that broke, objects that could not be understood. A few when an API server restarts are ' +
      'normal. Going on: the log says why, most often a missing right or a network policy.',
    queries: [
      {
        expr: `${sumIn(['job', 'instance', 'resource'], STEP, NODE, 'topology_errors_total')}
${orElse(`0 * ${AGENT}`, 'resource', 'nothing is watched')}`,
        legend: '{{resource}}',
      },
    ],
  });
}

function kubernetesEvents() {
  return bars({
    title: 'Kubernetes Events',
    description:
      'Events on client pods: requests to the API server, and breaks that no Event tells of (**held_back**). **failed**: 403 ' +
      'needs the component kubernetes-events; else the log says why. Nothing is lost but the Event.',
    queries: [
      {
        expr: `${sumIn(['job', 'instance', 'result'], STEP, NODE, 'kubernetes_events_total')}
${orElse(`0 * ${AGENT}`, 'result', 'off, no --emit-events')}`,
        legend: '{{result}}',
      },
    ],
  });
}

function heldBack() {
  return bars({
    title: 'Log lines held back',
    description:
      'Lines left out to keep a flood out of the log. The counters have all of them: use the tables here for who and why.',
    queries: [{ expr: sumIn([], STEP, NODE, 'log_lines_held_back_total'), legend: 'lines' }],
  });
}
