import { styleText } from 'node:util';
import { printable } from '../lib/printable.ts';
import { shortDuration } from '../lib/short-duration.ts';
import type { NamedPickup } from '../model/named-finding.ts';
import { brokenLine } from './broken-line.ts';
import { brokenSentence } from './broken-sentence.ts';
import { isoTime } from './named-fields.ts';

/** A broken connection of a recording. */
export interface RecordedBreak {
  readonly pickup: NamedPickup;
  /** The line that decided; undefined if the end of the recording did. */
  readonly line: number | undefined;
  /** What was to be waited for. */
  readonly confirmWindowMs: number;
}

/** One line of JSON, as the agent's log has it, and the line of the recording. */
export function breakJson(found: RecordedBreak): string {
  const { pickup, line } = found;
  const decidedAtMs = pickup.pickedUpAtMs + pickup.verdictAfterMs;
  return `${JSON.stringify({
    level: 'warn',
    time: Number.isNaN(decidedAtMs) ? undefined : isoTime(decidedAtMs),
    event: 'connection_broken',
    ...brokenLine(pickup),
    line,
    msg: sentence(found),
  })}\n`;
}

/** When, and the sentence, for people. */
export function breakText(found: RecordedBreak, color: boolean): string {
  const { pickup, line } = found;
  const when = Number.isNaN(pickup.pickedUpAtMs)
    ? `line ${line ?? 'after the last'}`
    : isoTime(pickup.pickedUpAtMs);
  const text = printable(sentence(found));
  if (!color) return `${when}  ${text}\n`;
  // Asked for by the caller, who knows whether this is a terminal: styleText must not decide again.
  const paint = (style: Parameters<typeof styleText>[0], words: string) =>
    styleText(style, words, { validateStream: false });
  const style = pickup.verdict === 'stalled' ? 'yellow' : 'red';
  const end = text.indexOf(':', text.indexOf(pickup.verdict === 'stalled' ? ' stalled:' : ' was reset:'));
  return `${paint('dim', when)}  ${paint(style, text.slice(0, end))}${text.slice(end)}\n`;
}

function sentence({ pickup, line, confirmWindowMs }: RecordedBreak): string {
  const text = brokenSentence(pickup, {}, 'recording');
  return line === undefined ? `${text} ${howSure(pickup, confirmWindowMs)}`.trimEnd() : text;
}

/** Of a stall that the end of the recording decided. */
function howSure({ pickedUpAtMs, verdictAfterMs, mapping }: NamedPickup, confirmWindowMs: number): string {
  if (Number.isNaN(pickedUpAtMs)) {
    return 'Not certain: how long nothing answered is not known, as the recording has no time stamps.';
  }
  if (verdictAfterMs < confirmWindowMs) {
    return `Not certain: the recording ends ${shortDuration(verdictAfterMs)} after that packet, and an answer may have come later.`.replace(
      'µs',
      'us',
    );
  }
  return mapping === 'unknown'
    ? 'Not certain: if that is its old backend, it may have been a bare acknowledgement, which nobody answers.'
    : '';
}
