import { styleText } from 'node:util';
import { oneLine } from '../lib/one-line.ts';
import { wrapText } from '../lib/wrap-text.ts';
import { CHECK_STATUSES, type CheckResult, type CheckStatus, type CheckTable } from '../model/check.ts';
import { isoTime } from './named-fields.ts';
import { safeJson } from './safe-json.ts';

/** What `doctor` found on a node. */
export interface DoctorReport {
  readonly node: string;
  /** Epoch milliseconds. */
  readonly checkedAtMs: number;
  readonly checks: readonly CheckResult[];
}

export interface DoctorTextOptions {
  readonly color: boolean;
  /** Columns of the terminal; undefined if it is none. Commands and tables are not broken. */
  readonly width: number | undefined;
}

type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<CheckStatus, Style>> = { OK: 'green', WARN: 'yellow', FAIL: 'red' };
const INDENT = '      ';
const DEFAULT_WIDTH = 100;
const LEAST_WIDTH = 40;

/** For people: a paragraph for each check, what changes it below those that are not OK, and a summary. */
export function doctorText(
  { node, checks }: DoctorReport,
  { color, width = DEFAULT_WIDTH }: DoctorTextOptions,
): string {
  // Asked for by the caller, who knows whether this is a terminal: styleText must not decide again.
  const paint = (style: Style, text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const columns = Math.max(width, LEAST_WIDTH);
  const paragraphs = checks.map((check) => paragraph(check, columns, paint));
  return [...paragraphs, summaryText(node, checks, columns, paint)].join('\n');
}

type Paint = (style: Style, text: string) => string;

function paragraph(
  { status, title, seen, why, fix, table }: CheckResult,
  width: number,
  paint: Paint,
): string {
  return [
    `${paint(STYLES[status], status.padEnd(INDENT.length))}${paint('bold', oneLine(title))}`,
    ...indented(seen, '', width),
    ...(table ? tableLines(table) : []),
    ...indented(why, 'Why: ', width),
    ...(fix ? [`${INDENT}Fix:`, ...fix.map((line) => `${INDENT}    ${oneLine(line)}`)] : []),
    '',
  ].join('\n');
}

/** Below its label, which stands on the first line only. */
function indented(text: string, label: string, width: number): string[] {
  const indent = INDENT + ' '.repeat(label.length);
  return wrapText(oneLine(text), width - indent.length).map(
    (line, i) => `${i === 0 ? INDENT + label : indent}${line}`,
  );
}

function tableLines({ headings, rows }: CheckTable): string[] {
  const all = [headings, ...rows].map((row) => row.map((cell) => oneLine(cell)));
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) =>
    `${INDENT}    ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd(),
  );
}

function summaryText(node: string, checks: readonly CheckResult[], width: number, paint: Paint): string {
  const counts = summaryOf(checks);
  const named = (status: CheckStatus) => {
    const ids = checks.filter((check) => check.status === status).map(({ id }) => id);
    return ids.length === 0
      ? []
      : wrapText(ids.join(', '), width - INDENT.length).map(
          (line, i) => (i === 0 ? paint(STYLES[status], status.padEnd(INDENT.length)) : INDENT) + line,
        );
  };
  const head = `${oneLine(node)}: ${counts.FAIL} FAIL, ${counts.WARN} WARN, ${counts.OK} OK.`;
  return `${[paint('bold', head), ...named('FAIL'), ...named('WARN')].join('\n')}\n`;
}

function summaryOf(checks: readonly CheckResult[]): Record<CheckStatus, number> {
  const count = (status: CheckStatus) => checks.filter((check) => check.status === status).length;
  return { OK: count('OK'), WARN: count('WARN'), FAIL: count('FAIL') };
}

/** The worst status of all. */
function worst(checks: readonly CheckResult[]): CheckStatus {
  const ranks = checks.map(({ status }) => CHECK_STATUSES.indexOf(status));
  return CHECK_STATUSES[Math.max(0, ...ranks)]!;
}

/**
 * One JSON document on one line: `{"node", "checked_at", "summary": {"status", "ok", "warn", "fail"}, "checks": [{"id",
 * "title", "status", "seen", "why", "fix", "table"}]}`. `fix` is text of one or more lines, null with OK.
 */
export function doctorJson({ node, checkedAtMs, checks }: DoctorReport): string {
  const { OK: ok, WARN: warn, FAIL: fail } = summaryOf(checks);
  const document = {
    node,
    checked_at: isoTime(checkedAtMs),
    summary: { status: worst(checks), ok, warn, fail },
    checks: checks.map(({ id, title, status, seen, why, fix, table }) => ({
      id,
      title,
      status,
      seen,
      why,
      fix: fix ? fix.join('\n') : null,
      ...(table && { table }),
    })),
  };
  return `${safeJson(document)}\n`;
}
