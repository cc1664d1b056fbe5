import type { Scope } from './scope.ts';

/** A time to count in, as Grafana writes it, and the same in seconds. */
interface Window {
  readonly text: string;
  readonly seconds: string;
}

/** What the dashboard shows. */
export const RANGE: Window = { text: '$__range', seconds: '$__range_s' };
/** One bar of a graph: bars side by side count each thing once, so that together they are the count of the range. */
export const STEP: Window = { text: '$__interval', seconds: '$__interval_ms / 1000' };

/**
 * By how much each series of a counter grew within a window, in whole numbers.
 *
 * increase() would not do. A break is rare, and the series that counts it often comes into being with it, at 1: there is
 * no growth to see. It extrapolates, 1 becomes 1.33. And where the agent restarted in its pod, it sees that only if the
 * value is less than before. So, of these, the first that there is:
 * 1. it was more than it is: an agent ended in between. The last value, and what the most is above that before the window;
 * 2. the agent restarted, and the new one has the series: the last value;
 * 3. the last value less that before the window;
 * 4. nobody knows what was before the window, because Prometheus was away: the last value less the least.
 * What was before the window is 0 if there was an agent without the series, or if the first agent of the window started
 * in it.
 *
 * After a restart under the same labels it is exact if that was the only one in the window, and the new agent has counted
 * less than the old one had; otherwise the count may be too small, never too large.
 */
export function countIn(window: Window, scope: Scope, name: string, matchers?: string): string {
  const { text, seconds } = window;
  const series = scope.select(name, matchers);
  const last = `last_over_time(${series}[${text}])`;
  const most = `max_over_time(${series}[${text}])`;
  const agent = scope.select('build_info');
  const start = scope.selectTarget('process_start_time_seconds');
  const firstStart = `min_over_time(${start}[${text}])`;
  const before = `(
    ${series} offset ${text}
    or
    0 * ${last} and on (job, instance) ${agent} offset ${text}
    or
    0 * ${last} and on (job, instance, pod) ${firstStart} > time() - ${seconds}
  )`;
  return `${last} + clamp_min((${most} > ${last}) - ${before}, 0)
or
${last} and (
  ${most} > ${last}
  or
  ${series} and on (job, instance, pod) (last_over_time(${start}[${text}]) > (${start} offset ${text} or ${firstStart}))
)
or
clamp_min(${last} - ${before}, 0)
or
${last} - min_over_time(${series}[${text}])`;
}

/** `sum by (labels)` of countIn(). */
export function sumIn(
  labels: readonly string[],
  window: Window,
  scope: Scope,
  name: string,
  matchers?: string,
): string {
  const by = labels.length > 0 ? ` by (${labels.join(', ')})` : '';
  const count = countIn(window, scope, name, matchers).replaceAll('\n', '\n  ');
  return `sum${by} (\n  ${count}\n)`;
}
