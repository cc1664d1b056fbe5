import { BLUE, GREY, VERMILION } from '../colors.ts';
import { STEP, sumIn } from '../count-in.ts';
import { COUNT, PER_SECOND, SECONDS, thresholds, words } from '../fields.ts';
import { bars, lines, states } from '../graphs.ts';
import type { Section } from '../layout.ts';
import { NODE } from '../scope.ts';

/** Whether the agent sees what happens. */
export const NODE_SIGHT: Section = {
  title: 'What the agent sees',
  lines: [
    {
      height: 8,
      panels: [
        [12, conditions()],
        [12, events()],
      ],
    },
    {
      height: 8,
      panels: [
        [8, eventsLost()],
        [8, resyncs()],
        [8, malformed()],
      ],
    },
    {
      height: 8,
      panels: [
        [6, snapshots()],
        [6, duration()],
        [6, flows()],
        [6, blind()],
      ],
    },
    {
      height: 8,
      panels: [
        [8, tables()],
        [8, evictions()],
        [8, overflows()],
      ],
    },
  ],
};

function conditions() {
  return states({
    title: 'Conditions of readiness',
    description:
      'Each has to hold for /readyz. **subscribed**, **filter_attached**: the netlink socket; see the log. **events_enabled**: ' +
      'nf_conntrack_events is not 0. **first_snapshot**: the table was read once. **topology_synced**: Services, EndpointSlices ' +
      'and pods are known from the API server; see "API server" below.',
    unit: 'none',
    noValue: 'No agent reports',
    queries: [{ expr: NODE.select('ready_condition'), legend: '{{condition}}' }],
  })
    .thresholds(thresholds([0, VERMILION], [1, BLUE]))
    .mappings(words({ 1: ['holds', BLUE], 0: ['does not hold', VERMILION] }));
}

function events() {
  return lines({
    title: 'Events',
    description:
      'Conntrack events the agent received; the kernel keeps back all that cannot be evidence, so a few or none is normal. ' +
      'Thousands of **destroy** at once are a flush.',
    unit: PER_SECOND,
    queries: [
      { expr: `sum by (type) (rate(${NODE.select('events_total')}[$__rate_interval]))`, legend: '{{type}}' },
    ],
  });
}

function eventsLost() {
  return bars({
    title: 'Events lost',
    description:
      'Events that the kernel dropped because the receive buffer was full. Raise `--receive-buffer`; what was missed is told ' +
      'with the cause "unseen" after the next snapshot.',
    queries: [{ expr: sumIn([], STEP, NODE, 'events_lost_total'), legend: 'lost' }],
  });
}

function resyncs() {
  return bars({
    title: 'Snapshots out of turn',
    description:
      '**events_lost**: raise `--receive-buffer`. **events_enabled**: somebody turned nf_conntrack_events off and on again; ' +
      'connections made meanwhile are blind.',
    queries: [{ expr: sumIn(['reason'], STEP, NODE, 'resyncs_total'), legend: '{{reason}}' }],
  });
}

function malformed() {
  return bars({
    title: 'Messages that could not be decoded',
    description:
      'Netlink messages that were skipped. Any is an error in the agent, or a kernel it does not know: please report it, with ' +
      '`uname -r` and the reason.',
    queries: [{ expr: sumIn(['reason'], STEP, NODE, 'messages_malformed_total'), legend: '{{reason}}' }],
  });
}

function snapshots() {
  return bars({
    title: 'Snapshots by result',
    description:
      'Readings of the table. **interrupted**: it changed its size meanwhile, tried again at once. **failed**: the log says why; ' +
      'at-risk numbers are old until one is complete.',
    queries: [{ expr: sumIn(['result'], STEP, NODE, 'snapshots_total'), legend: '{{result}}' }],
  });
}

function duration() {
  return lines({
    title: 'Duration of a snapshot',
    description:
      'Of the last complete one, pauses for events and scrapes included. If it comes near to `--snapshot-interval`, make that ' +
      'longer.',
    unit: SECONDS,
    queries: [{ expr: NODE.select('snapshot_duration_seconds'), legend: 'duration' }],
  });
}

function flows() {
  return lines({
    title: 'Open connections through Services',
    description:
      'Open translated TCP connections in the last complete snapshot. A sudden fall is a flush, or a Service that went away.',
    unit: COUNT,
    decimals: 0,
    queries: [{ expr: NODE.select('snapshot_flows'), legend: 'connections' }],
  });
}

function blind() {
  return lines({
    title: 'Blind entries',
    description:
      'Open connections that will send no event when they go. A jump is a restart of the agent, or nf_conntrack_events was off; ' +
      'set it to 1 to have none after a restart.',
    unit: COUNT,
    decimals: 0,
    queries: [{ expr: NODE.select('blind_entries'), legend: 'blind' }],
  });
}

function tables() {
  return lines(
    {
      title: 'Connections kept in mind',
      description:
        'What the agent remembers, by table; each has a limit. Nothing to do unless "Forgotten early" grows. Many **lost** are ' +
        'entries that went away under connections nobody has used again yet.',
      unit: COUNT,
      decimals: 0,
      queries: [{ expr: NODE.select('flow_table_entries'), legend: '{{table}}' }],
    },
    { snapshot: GREY },
  );
}

function evictions() {
  return bars({
    title: 'Forgotten early',
    description:
      'Connections dropped from a table because it was full: their breaks may be told with the cause "unseen", or not at all. ' +
      'Normal only in a flush of hundreds of thousands of connections.',
    queries: [{ expr: sumIn(['table'], STEP, NODE, 'flow_table_evictions_total'), legend: '{{table}}' }],
  });
}

function overflows() {
  return bars({
    title: 'Names counted as "other"',
    description:
      'Findings whose Service or client has no series of its own because there are too many: they are under "other". The log has ' +
      'their names. Restarting the agent frees names that are no longer in use.',
    queries: [{ expr: sumIn(['label'], STEP, NODE, 'label_overflows_total'), legend: '{{label}}' }],
  });
}
