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
 * no growth to see. And it extrapolates, 1 becomes 1.33. So, of these, the first that there is:
 * 1. the last value less that before the window;
 * 2. the last value, if there was no series before the window, but an agent, or if this agent started in the window;
 * 3. increase(): the agent restarted within the window, or nobody knows what was before it because Prometheus was away.
 */
export function countIn(window: Window, scope: Scope, name: string, matchers?: string): string {
  const { text, seconds } = window;
  const series = scope.select(name, matchers);
  const last = `last_over_time(${series}[${text}])`;
  const agent = scope.select('build_info');
  const start = `last_over_time(${scope.selectTarget('process_start_time_seconds')}[${text}])`;
  return `(
  ${last} - (${series} offset ${text} <= ${last})
  or
  ${last} and on (job, instance) (${agent} offset ${text} or ${start} > time() - ${seconds})
)
unless resets(${series}[${text}]) > 0
or increase(${series}[${text}])`;
}

/** `sum by (labels)` of countIn(), rounded: only its third case is not whole. */
export function sumIn(
  labels: readonly string[],
  window: Window,
  scope: Scope,
  name: string,
  matchers?: string,
): string {
  const by = labels.length > 0 ? ` by (${labels.join(', ')})` : '';
  const count = countIn(window, scope, name, matchers).replaceAll('\n', '\n  ');
  return `round(sum${by} (\n  ${count}\n))`;
}
