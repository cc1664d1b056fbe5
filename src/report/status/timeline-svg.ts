import { html } from 'ghtml';
import { isoTime } from '../named-fields.ts';
import type { Moment, Timeline } from './timeline.ts';

/*
 * Two lanes: above the connection as its client has it, below its conntrack entry. Spans are not to scale: they last
 * from microseconds to days, so their length is said in words.
 */

const WIDTH = 360;
const X = { established: 4, lastPacket: 114, lost: 182, pickedUp: 254, end: 352 };
const LABEL_Y = 14;
const TIME_Y = 27;
const TICKS_Y = 34;
const CONNECTION_Y = 58;
const ENTRY_Y = 78;
const ENTRY_HEIGHT = 18;
const HEIGHT = 100;

/** The picture of a broken connection's life. Colours are the page's (style.ts), so it is at home in light and dark. */
export function timelineSvg(timeline: Timeline): string {
  const { established, lastPacket, lost, pickedUp, end } = timeline;
  const summary = `${timeline.idle}, ${timeline.withoutEntry}, then ${end.label}`;
  const middle = CONNECTION_Y - 7;
  return html`<svg class="timeline" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Time line: ${summary}">
!${mark(established, X.established, 'start')}
!${mark(lastPacket, X.lastPacket, 'middle', CONNECTION_Y)}
!${mark(lost, X.lost, 'middle')}
!${mark(pickedUp, X.pickedUp, 'middle')}
!${mark(end, X.end, 'end')}
<line class="open" x1="${X.established}" y1="${CONNECTION_Y}" x2="${X.lastPacket}" y2="${CONNECTION_Y}"/>
<line class="idle" x1="${X.lastPacket}" y1="${CONNECTION_Y}" x2="${X.pickedUp}" y2="${CONNECTION_Y}"/>
<line class="gone" x1="${X.pickedUp}" y1="${CONNECTION_Y}" x2="${X.end}" y2="${CONNECTION_Y}"/>
<text class="lane" x="${X.established}" y="${middle}">connection</text>
<text class="span" x="${(X.lastPacket + X.pickedUp) / 2}" y="${middle}">${timeline.idle}</text>
<text class="span" x="${(X.pickedUp + X.end) / 2}" y="${middle}">${timeline.untilEnd}</text>
!${bar('entry', X.established, X.lost)}
!${bar('void', X.lost, X.pickedUp)}
!${bar('wrong', X.pickedUp, X.end)}
!${barText(X.established, X.lost, timeline.oldEntry)}
!${barText(X.lost, X.pickedUp, timeline.withoutEntry)}
!${barText(X.pickedUp, X.end, timeline.newEntry)}
<path class="cross" d="M${X.end - 5} ${CONNECTION_Y - 5}l10 10m0 -10l-10 10"/>
</svg>`;
}

function bar(kind: 'entry' | 'void' | 'wrong', from: number, to: number): string {
  return html`<rect class="${kind}" x="${from}" y="${ENTRY_Y}" width="${to - from}" height="${ENTRY_HEIGHT}"/>`;
}

/** After all bars, as it may reach into the next one. */
function barText(from: number, to: number, text: string): string {
  return html`<text class="word" x="${(from + to) / 2}" y="${ENTRY_Y + 13}">${text}</text>`;
}

function mark(
  { label, atMs }: Moment,
  x: number,
  anchor: 'start' | 'middle' | 'end',
  bottom = ENTRY_Y + ENTRY_HEIGHT,
): string {
  // The date is said beside the picture.
  const time = atMs === undefined ? '' : isoTime(atMs).slice(11, 23);
  return html`<line class="tick" x1="${x}" y1="${TICKS_Y}" x2="${x}" y2="${bottom}"/>
<text class="label ${anchor}" x="${x}" y="${LABEL_Y}">${label}</text>
<text class="time ${anchor}" x="${x}" y="${TIME_Y}">${time}</text>`;
}
