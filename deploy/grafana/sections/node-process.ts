import { BYTES, RATIO, SECONDS, unit } from '../fields.ts';
import { lines } from '../graphs.ts';
import type { Section } from '../layout.ts';
import { NODE } from '../scope.ts';
import { table } from '../tables.ts';

/** The agent as a process. */
export const NODE_PROCESS: Section = {
  title: 'The process of the agent',
  lines: [
    {
      height: 8,
      panels: [
        [6, memory()],
        [6, cpu()],
        [6, lag()],
        [6, build()],
      ],
    },
  ],
};

function memory() {
  return lines({
    title: 'Memory',
    description:
      'Resident memory, and the part of it that is the heap of JavaScript. Near to the limit of the container (300 MiB in ' +
      '`deploy/base`) raise that; docs/installing.md says what it should take.',
    unit: BYTES,
    queries: [
      { expr: NODE.selectTarget('process_resident_memory_bytes'), legend: 'resident' },
      { expr: NODE.selectTarget('nodejs_heap_size_used_bytes'), legend: 'heap in use' },
    ],
  });
}

function cpu() {
  return lines({
    title: 'CPU',
    description:
      'Share of one processor. Ordinary traffic costs nothing: a steady load is snapshots of a large table (a longer ' +
      '`--snapshot-interval`), changes in a large cluster, or connections that keep breaking.',
    unit: RATIO,
    queries: [
      {
        expr: `rate(${NODE.selectTarget('process_cpu_user_seconds_total')}[$__rate_interval])`,
        legend: 'user',
      },
      {
        expr: `rate(${NODE.selectTarget('process_cpu_system_seconds_total')}[$__rate_interval])`,
        legend: 'system',
      },
    ],
  });
}

function lag() {
  return lines({
    title: 'Event loop lag',
    description:
      'How long the process kept a scrape waiting. Above some tenths of a second it is short of CPU, and may lose events: look ' +
      'for a CPU limit, which it should not have, or an overloaded node.',
    unit: SECONDS,
    queries: [{ expr: NODE.selectTarget('nodejs_eventloop_lag_seconds'), legend: 'lag' }],
  });
}

function build() {
  return table({
    title: 'Version',
    none: 'no agent reports',
    description:
      'What runs here, and for how long. A short time where you did not roll out is a crash: `kubectl describe pod`, and the log ' +
      'of the container before (`kubectl logs -p`).',
    queries: [
      {
        expr: `${NODE.select('build_info')} * on (job, instance) group_left () (time() - ${NODE.selectTarget('process_start_time_seconds')})`,
      },
    ],
    columns: [
      { field: 'version', heading: 'Agent' },
      { field: 'node_version', heading: 'Node.js' },
      { field: 'Value', heading: 'Runs for', look: [unit(SECONDS)] },
    ],
    sortBy: 'Runs for',
  });
}
