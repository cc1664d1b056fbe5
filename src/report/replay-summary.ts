import { styleText } from 'node:util';
import { humanDuration } from '../lib/human-duration.ts';
import { printable } from '../lib/printable.ts';
import { isoTime } from './named-fields.ts';
import type { BrokenRow, ReplayTotals } from './replay-totals.ts';

/** How much was read. */
export interface ReplayCounts {
  readonly lines: number;
  readonly other: number;
  readonly unreadable: number;
  readonly overruns: number;
  readonly untranslated: number;
  readonly untranslatedTo?: string;
  readonly events: { readonly new: number; readonly update: number; readonly destroy: number };
  readonly timed: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

const MAX_ROWS = 50;
const GAP = '  ';

/** The end of a report: what was found, of how much. */
export function replaySummary(counts: ReplayCounts, totals: ReplayTotals, color: boolean): string {
  const { broken } = totals;
  const title = `${broken === 0 ? 'No' : broken} broken connection${broken === 1 ? '' : 's'}.`;
  const style = broken === 0 ? 'green' : 'red';
  return [
    ...(broken === 0 ? [] : ['']),
    color ? styleText(style, title, { validateStream: false }) : title,
    ...table(totals.rows()),
    '',
    `Entries lost under open connections: ${numbers(totals.lost)}`,
    `Mid-stream pickups: ${numbers(totals.pickups)}`,
    `Lines read: ${counts.lines}: ${eventsText(counts)}, ${counts.other} skipped as no events, ${counts.unreadable} not readable`,
    ...span(counts),
    '',
  ].join('\n');
}

function table(rows: readonly BrokenRow[]): string[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, MAX_ROWS);
  const cells = [
    ['BROKEN', 'SERVICE', 'CAUSE', 'OUTCOME'],
    ...shown.map(({ count, service, cause, outcome }) => [
      String(count),
      printable(service ?? '(other Services)'),
      cause,
      outcome,
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join(GAP)
      .trimEnd(),
  );
  return ['', ...lines, ...(rows.length > MAX_ROWS ? [`... and ${rows.length - MAX_ROWS} more rows`] : [])];
}

/** `9 (timeout 7, deleted 2)` */
function numbers(counts: ReadonlyMap<string, number>): string {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const parts = [...counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? '0' : `${total} (${parts.join(', ')})`;
}

function eventsText({ events }: ReplayCounts): string {
  const total = events.new + events.update + events.destroy;
  return `${total} event${total === 1 ? '' : 's'} (NEW ${events.new}, UPDATE ${events.update}, DESTROY ${events.destroy})`;
}

function span({ firstMs, lastMs }: ReplayCounts): string[] {
  if (Number.isNaN(firstMs)) return [];
  const long = lastMs >= firstMs ? ` (${humanDuration((lastMs - firstMs) / 1000)})` : '';
  return [`Recorded: ${isoTime(firstMs)} to ${isoTime(lastMs)}${long}`];
}
