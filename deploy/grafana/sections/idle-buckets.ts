import { humanDuration } from '../../../src/lib/human-duration.ts';
import { METRICS } from '../../../src/report/metric-table.ts';

/** Timeouts people meet, in seconds; each is the border of a bucket. Whoever was idle for longer ran into it. */
export const TIMEOUTS: Readonly<Record<number, string>> = {
  240: 'Azure load balancer',
  350: 'AWS NLB',
  600: 'GCE',
  900: 'IPVS',
  7200: 'default keepalive',
  86400: 'conntrack under kube-proxy',
  432000: 'conntrack',
};

/** `4 min Azure load balancer, 5 min 50 s AWS NLB, ...` */
export const TIMEOUT_LIST = Object.entries(TIMEOUTS)
  .map(([seconds, name]) => `${humanDuration(Number(seconds))} ${name}`)
  .join(', ');

/** What a person calls each bucket, by its upper end `le`: `15 min to 30 min (past IPVS)`. */
export function bucketNames(): readonly { readonly le: string; readonly name: string }[] {
  const ends = METRICS.broken_connection_idle_seconds.buckets;
  return [...ends, undefined].map((end, index) => {
    const start = ends[index - 1];
    const timeout = start === undefined ? undefined : TIMEOUTS[start];
    const span =
      start === undefined
        ? `up to ${humanDuration(ends[0])}`
        : end === undefined
          ? `more than ${humanDuration(start)}`
          : `${humanDuration(start)} to ${humanDuration(end)}`;
    return {
      le: end === undefined ? '+Inf' : String(end),
      name: timeout ? `${span} (past ${timeout})` : span,
    };
  });
}
