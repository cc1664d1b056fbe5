import type { CheckResult } from '../model/check.ts';
import { fail, ok, warn } from './result.ts';

const MAX = 'net.netfilter.nf_conntrack_max';
const WARN_SHARE = 0.8;
const FAIL_SHARE = 0.95;

export interface TableFacts {
  readonly count: number | undefined;
  readonly max: number | undefined;
}

/** How full the conntrack table is. */
export function checkTable({ count, max }: TableFacts): CheckResult {
  const name = {
    id: 'table',
    title: 'conntrack table',
    why: 'When the table is full, new connections are dropped, and entries that were not answered yet are removed early.',
  };
  if (count === undefined || max === undefined) {
    return warn(name, 'How full the table is cannot be read.', [`sysctl ${MAX}`]);
  }
  // 0 is no limit: net/netfilter/nf_conntrack_core.c, __nf_conntrack_alloc.
  if (max === 0) return ok(name, `${count} entries, without a limit.`);
  const share = count / max;
  const seen = `${count} entries of ${max}, ${Math.round(share * 1000) / 10} %.`;
  // The limit is set for the node as a whole, whatever network namespace has the entries.
  const fix = [
    `sysctl -w ${MAX}=${max * 2}`,
    '# or, where kube-proxy sets it: conntrack.maxPerCore, conntrack.min',
  ];
  if (share >= FAIL_SHARE) return fail(name, seen, fix);
  return share >= WARN_SHARE ? warn(name, seen, fix) : ok(name, seen);
}

export interface StatFacts {
  readonly drop: number;
  readonly early_drop: number;
  readonly insert_failed: number;
  readonly invalid: number;
}

/** What conntrack counted since the network namespace was made; undefined: not to be had. */
export function checkStats(stats: StatFacts | undefined): CheckResult {
  const name = {
    id: 'kernel_stats',
    title: 'conntrack statistics',
    why: 'drop and early_drop mean that the table was full; insert_failed two packets of one connection at once, most often DNS; invalid packets that fit no connection, the retries of one that lost its entry while tcp_loose is 0 among them.',
  };
  if (!stats) return warn(name, 'The statistics cannot be read.', ['conntrack -S']);
  const { drop, early_drop: earlyDrop, insert_failed: insertFailed, invalid } = stats;
  const seen = `Since the start of the node: drop ${drop}, early_drop ${earlyDrop}, insert_failed ${insertFailed}, invalid ${invalid}.`;
  if (drop === 0 && earlyDrop === 0) return ok(name, seen);
  return warn(name, seen, ['conntrack -S', `sysctl ${MAX} net.netfilter.nf_conntrack_count`]);
}

/** Conntrack zones of the connections that are open now; undefined: the table could not be read. */
export function checkZones(zones: ReadonlySet<number> | undefined): CheckResult {
  const name = {
    id: 'zones',
    title: 'conntrack zones',
    why: 'A CNI can keep connections of equal addresses apart in zones (Open vSwitch does); each zone has entries of its own, and here they are told apart.',
  };
  if (zones === undefined) return warn(name, 'The table cannot be read (see ctnetlink).', ['conntrack -L']);
  if (zones.size === 0) return ok(name, 'No open connection is in a zone of its own.');
  const sorted = [...zones].sort((a, b) => a - b);
  const listed = sorted.slice(0, 10).join(', ');
  return ok(
    name,
    `Open connections are in ${zones.size === 1 ? 'zone' : 'zones'} ${listed}${sorted.length > 10 ? ' and more' : ''}.`,
  );
}
