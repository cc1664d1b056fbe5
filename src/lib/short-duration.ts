import { humanDuration } from './human-duration.ts';

/** Like humanDuration, and for people who look at packets: `42 µs`, `2.1 ms`, `850 ms`. */
export function shortDuration(milliseconds: number): string {
  if (milliseconds >= 1000) return humanDuration(milliseconds / 1000);
  if (milliseconds < 1) return `${Math.round(Math.max(milliseconds, 0) * 1000)} µs`;
  return `${milliseconds < 10 ? Math.round(milliseconds * 10) / 10 : Math.round(milliseconds)} ms`;
}
