import { styleText } from 'node:util';
import { humanDuration } from '../lib/human-duration.ts';
import { printable } from '../lib/printable.ts';
import { wrapText } from '../lib/wrap-text.ts';
import type { Keepalive, NamedFlowAtRisk } from '../model/at-risk.ts';
import type { NamedClient } from '../model/named-finding.ts';
import { atRiskAdvice } from './at-risk-advice.ts';
import type { AuditReport } from './audit-report.ts';
import { podPortText, serviceText } from './name-text.ts';
import type { ProtectionReport } from './protection-report.ts';
import { textChunks } from './text-chunks.ts';
import { unprotectedReasons, unprotectedText } from './unprotected-text.ts';

export interface AuditTableOptions {
  /** Rows at most; Infinity for all. */
  readonly limit: number;
  readonly color: boolean;
  /** Columns of the terminal: sentences are broken there. Rows never are, nor are they cut. */
  readonly width?: number;
}

const HEADINGS = ['EXPIRES IN', 'IDLE', 'CLIENT', 'SERVICE', 'BACKEND', 'KEEPALIVE'];
/** Only where entries are renewed. */
const UNPROTECTED = 'NOT PROTECTED';
const FIX = 'FIX';
const GAP = '  ';
const RED_BELOW_SECONDS = 600;
const YELLOW_BELOW_SECONDS = 3600;
type Style = Parameters<typeof styleText>[0];

/**
 * A table of the connections at risk for people, in pieces to be written one after another. What to do stands below it,
 * each advice once, under the number that the column FIX has; so does why a connection is not protected.
 */
export function auditTable(report: AuditReport, options: AuditTableOptions): Iterable<string> {
  return textChunks(lines(report, options));
}

function* lines(report: AuditReport, { limit, color, width }: AuditTableOptions): Generator<string, void> {
  yield* wrapped(summary(report), '', width);
  if (report.total === 0) return;
  const shown = first(report.atRisk, limit);
  // Asked for by the caller, who knows whether this is a terminal: styleText must not decide again.
  const paint = (style: Style | undefined, text: string) =>
    color && style !== undefined ? styleText(style, text, { validateStream: false }) : text;
  const notes = notesOf(shown);
  const headings = [...HEADINGS, ...(report.protection ? [UNPROTECTED] : []), FIX];
  const cells = (flow: NamedFlowAtRisk) => [
    ...cellsOf(flow),
    ...(report.protection ? [flow.unprotected ?? ''] : []),
    `(${notes.get(noteKey(flow))!.number})`,
  ];
  // Rows are made twice: kept, a quarter of a million of them would take more memory than the agent has.
  const widths = headings.map((heading) => heading.length);
  for (const flow of shown) {
    for (const [i, cell] of cells(flow).entries()) widths[i] = Math.max(widths[i]!, cell.length);
  }
  const row = (texts: readonly string[], style: (column: number) => Style | undefined) =>
    `${texts.map((text, i) => paint(style(i), i === texts.length - 1 ? text : text.padEnd(widths[i]!))).join(GAP)}\n`;

  yield '\n';
  yield row(headings, () => 'bold');
  for (const flow of shown) yield row(cells(flow), (column) => (column === 0 ? urgency(flow) : undefined));
  const hidden = report.total - Math.min(report.total, limit);
  if (hidden > 0) yield `... and ${hidden} more (--limit all)\n`;
  yield '\n';
  for (const { number, flow } of notes.values()) {
    yield* wrapped(atRiskAdvice(flow, report.settings), `(${number}) `, width);
  }
  for (const reason of report.protection ? unprotectedReasons(shown) : []) {
    yield* wrapped(`not protected, as ${unprotectedText(reason)}.`, `${reason}: `, width);
  }
}

function summary(report: AuditReport): string {
  return [
    riskText(report),
    ...(report.flows > 0 && report.protection ? [protectionText(report.protection)] : []),
  ].join(' ');
}

function protectionText({ connections, maxIdleSeconds }: ProtectionReport): string {
  if (connections === 0) return 'None is protected, although entries are renewed (--protect renew).';
  const [are, their, they] =
    connections === 1
      ? ['connection is', 'its entry is', 'it expires']
      : ['connections are', 'their entries are', 'they expire'];
  return `${connections} ${are} protected: ${their} renewed before ${they}, for at most ${humanDuration(maxIdleSeconds)} without a packet (--protect renew).`;
}

function riskText({ node, flows, total, unknown }: AuditReport): string {
  const looked = `${flows} ${flows === 1 ? 'connection' : 'connections'} through Services on ${printable(node)}`;
  if (flows === 0) return `There is no open connection through a Service on ${printable(node)}.`;
  if (total === 0) return `All is well: looked at ${looked}, and none is at risk.`;
  const rest = unknown === 0 ? '' : ` (keepalive not known: ${unknown})`;
  return `${total} of ${looked} will break if ${total === 1 ? 'it stays' : 'they stay'} idle${rest}.`;
}

/** The first items, anew each time it is gone over. */
function first<T>(items: Iterable<T>, count: number): Iterable<T> {
  return {
    *[Symbol.iterator]() {
      let left = count;
      for (const item of items) {
        if (left-- <= 0) return;
        yield item;
      }
    },
  };
}

interface Note {
  readonly number: number;
  flow: NamedFlowAtRisk;
}

/** Connections with the same advice, by what it depends on; each note is of the one with the latest probe. */
function notesOf(flows: Iterable<NamedFlowAtRisk>): ReadonlyMap<string, Note> {
  const notes = new Map<string, Note>();
  for (const flow of flows) {
    const key = noteKey(flow);
    const note = notes.get(key);
    if (!note) notes.set(key, { number: notes.size + 1, flow });
    else if (idleSetting(flow) > idleSetting(note.flow)) note.flow = flow;
  }
  return notes;
}

function noteKey({ reason, limitedBy, timeoutSeconds }: NamedFlowAtRisk): string {
  return `${reason} ${limitedBy} ${timeoutSeconds}`;
}

function idleSetting({ keepalive }: NamedFlowAtRisk): number {
  return keepalive.state === 'armed' ? keepalive.idleSetting : 0;
}

function cellsOf(flow: NamedFlowAtRisk): string[] {
  return [
    humanDuration(flow.expiresInSeconds),
    flow.idleSeconds === undefined ? 'unknown' : humanDuration(flow.idleSeconds),
    printable(clientText(flow.client)),
    printable(serviceText(flow.service)),
    printable(podPortText(flow.backend)),
    keepaliveText(flow.keepalive),
  ];
}

function clientText(client: NamedClient): string {
  const { pod, workload } = client;
  const isOwned = workload !== undefined && workload !== `Pod/${pod}`;
  return `${podPortText(client)}${isOwned ? ` (${workload})` : ''}`;
}

function keepaliveText(keepalive: Keepalive): string {
  return keepalive.state === 'armed'
    ? `probe in ${humanDuration(keepalive.probeInSeconds)}`
    : keepalive.state;
}

function urgency({ expiresInSeconds }: NamedFlowAtRisk): Style | undefined {
  if (expiresInSeconds < RED_BELOW_SECONDS) return 'red';
  return expiresInSeconds < YELLOW_BELOW_SECONDS ? 'yellow' : undefined;
}

function* wrapped(text: string, prefix: string, width = Number.POSITIVE_INFINITY): Generator<string, void> {
  const [first = '', ...rest] = wrapText(text, width - prefix.length);
  yield `${prefix}${first}\n`;
  for (const line of rest) yield `${' '.repeat(prefix.length)}${line}\n`;
}
