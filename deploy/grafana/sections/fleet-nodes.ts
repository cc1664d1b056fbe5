import { ORANGE, VERMILION } from '../colors.ts';
import { countColumn, NODE_COLUMN } from '../columns.ts';
import { RANGE, STEP, sumIn } from '../count-in.ts';
import { COUNT, coloredText, RATIO, thresholds, unit, words } from '../fields.ts';
import { bars, lines } from '../graphs.ts';
import type { Section } from '../layout.ts';
import { nodeOfSeries } from '../links.ts';
import { FLEET } from '../scope.ts';
import { table } from '../tables.ts';
import { PROBLEMS } from './problems.ts';

const anySeries = '/.*/';
const ofNode = (name: string) => `max by (instance) (${FLEET.select(name)})`;
const isReady = { 1: ['yes', 'text'], 0: ['no', VERMILION] } as const;

/** Which nodes to look at. */
export const FLEET_NODES: Section = {
  title: 'Nodes',
  lines: [
    {
      height: 11,
      panels: [
        [8, problems()],
        [16, nodes()],
      ],
    },
    {
      height: 9,
      panels: [
        [8, brokenByNode()],
        [8, blindByNode()],
        [8, eventsLostByNode()],
      ],
    },
  ],
};

function problems() {
  return table({
    title: 'Nodes that need attention',
    none: 'no agent reports',
    description:
      'What is wrong now, a row for each node and problem; a click on the node opens it. **down**: the agent is not scraped, ' +
      'see its pod. **not ready**: what /readyz lacks. **losing events**: raise `--receive-buffer`. **renewals failed**: the log of the agent says why. **table nearly full**: raise ' +
      'nf_conntrack_max, or the kernel drops new connections. **tcp_loose off**: packets in the middle of a connection are ' +
      'dropped, so breaks are stalls that nobody sees.',
    queries: [{ expr: PROBLEMS }],
    columns: [NODE_COLUMN, { field: 'problem', heading: 'Problem' }],
    sortBy: 'Problem',
    ascending: true,
  });
}

function nodes() {
  return table({
    title: 'Nodes',
    none: 'no agent reports',
    description:
      'Every node with an agent. A click on the node opens its own dashboard. Broken and lost events are those of the time ' +
      'range, the rest is now.',
    queries: [
      { expr: ofNode('ready') },
      { expr: `${sumIn(['instance'], RANGE, FLEET, 'broken_connections_total')} or 0 * ${ofNode('ready')}` },
      {
        expr: `sum by (instance) (${FLEET.select('connections_at_risk', 'reason!="protected"')}) or 0 * ${ofNode('snapshot_flows')}`,
      },
      { expr: ofNode('blind_entries') },
      { expr: sumIn(['instance'], RANGE, FLEET, 'events_lost_total') },
      { expr: `${ofNode('table_entries')} / (${ofNode('table_limit')} > 0)` },
    ],
    columns: [
      NODE_COLUMN,
      {
        field: 'Value #A',
        heading: 'Ready',
        look: [
          unit('none'),
          { id: 'mappings', value: words(isReady) },
          { id: 'custom.cellOptions', value: { type: 'color-text' } },
        ],
      },
      colored('Broken', 'Value #B'),
      countColumn('At risk', 'Value #C'),
      countColumn('Blind entries', 'Value #D'),
      colored('Events lost', 'Value #E'),
      {
        field: 'Value #F',
        heading: 'Table full',
        look: [
          unit(RATIO),
          { id: 'decimals', value: 1 },
          ...coloredText(thresholds([0.8, ORANGE], [0.95, VERMILION])),
        ],
      },
    ],
    sortBy: 'Broken',
  });
}

function colored(heading: string, field: string) {
  const column = countColumn(heading, field);
  return { ...column, look: [...(column.look ?? []), ...coloredText(thresholds([1, ORANGE]))] };
}

function brokenByNode() {
  return bars({
    title: 'Broken connections by node',
    description:
      'The ten nodes with the most in each step. One node alone: somebody flushed its table, or it is full; open it. All nodes: ' +
      'look at the Service and its clients.',
    noValue: 'No broken connection was seen in this time',
    queries: [
      {
        expr: `topk(10, ${sumIn(['instance'], STEP, FLEET, 'broken_connections_total')} > 0)`,
        legend: '{{instance}}',
      },
    ],
  }).overrideByRegexp(anySeries, [nodeOfSeries]);
}

function blindByNode() {
  return lines({
    title: 'Blind entries by node',
    description:
      'Open connections that will send no event when they go, made while no agent listened; the twenty nodes with the most. ' +
      'They become fewer as connections end. A jump is a restart of the agent: see why, in its log.',
    unit: COUNT,
    decimals: 0,
    noValue: 'No snapshot was taken yet',
    queries: [{ expr: `topk(20, ${ofNode('blind_entries')})`, legend: '{{instance}}' }],
  }).overrideByRegexp(anySeries, [nodeOfSeries]);
}

function eventsLostByNode() {
  return bars({
    title: 'Events lost by node',
    description:
      'Conntrack events that the kernel dropped because the receive buffer of the agent was full; the ten nodes with the most ' +
      'in each step. Raise `--receive-buffer`; a snapshot out of turn makes up for what was missed.',
    noValue: 'No agent reports',
    queries: [
      {
        expr: `topk(10, ${sumIn(['instance'], STEP, FLEET, 'events_lost_total')})`,
        legend: '{{instance}}',
      },
    ],
  }).overrideByRegexp(anySeries, [nodeOfSeries]);
}
