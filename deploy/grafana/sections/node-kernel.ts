import { BLUE, VERMILION } from '../colors.ts';
import { COUNT, PER_SECOND, unit } from '../fields.ts';
import { lines } from '../graphs.ts';
import type { Section } from '../layout.ts';
import { NODE } from '../scope.ts';
import { table } from '../tables.ts';

/** Connection tracking of the node's kernel. */
export const NODE_KERNEL: Section = {
  title: 'Connection tracking of the kernel',
  lines: [
    {
      height: 10,
      panels: [
        [8, fullness()],
        [8, stats()],
        [8, settings()],
      ],
    },
  ],
};

function fullness() {
  const panel = {
    title: 'Conntrack table',
    description:
      'Entries, and how many there may be (nf_conntrack_max). When the two meet, new connections are dropped and open ones are ' +
      'removed early: raise the limit. A sudden fall of the entries is a flush.',
    unit: COUNT,
    decimals: 0,
    queries: [
      { expr: NODE.select('table_entries'), legend: 'entries' },
      { expr: NODE.select('table_limit'), legend: 'limit' },
    ],
  };
  return lines(panel, { entries: BLUE, limit: VERMILION });
}

function stats() {
  return lines({
    title: 'Trouble in connection tracking',
    description:
      'As `conntrack -S` counts it. **drop**, **early_drop**: the table is full. **insert_failed**: two packets of one new ' +
      'connection at once, often DNS. **invalid**: packets of no known connection; growing with ' +
      'nf_conntrack_tcp_loose=0 they are connections that lost their entry, else look for asymmetric routes.',
    unit: PER_SECOND,
    queries: [
      {
        expr: `sum by (stat) (rate(${NODE.select('kernel_stat_total')}[$__rate_interval]))`,
        legend: '{{stat}}',
      },
    ],
  });
}

function settings() {
  return table({
    title: 'Kernel settings',
    description:
      'Sysctls under net.netfilter, timeouts in seconds. nf_conntrack_events: 0 makes the agent deaf, 2 makes entries blind that ' +
      'were there before it, 1 is best. nf_conntrack_tcp_timeout_established: above the longest idle time of your ' +
      'connections, or below it a keepalive. nf_conntrack_tcp_loose: 1.',
    queries: [{ expr: NODE.select('kernel_setting') }],
    columns: [
      { field: 'name', heading: 'Setting' },
      { field: 'Value', heading: 'Value', look: [unit(COUNT)] },
    ],
    sortBy: 'Setting',
    ascending: true,
  });
}
