import type { Section } from './section.ts';

const GAP = '  ';

/** Columns aligned: the first to the left, the others, which are figures, to the right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(GAP);
  return rows.map((row) => `${GAP}${line(row).trimEnd()}\n`).join('');
}

/** One comparison as a person reads it. */
export function sectionText({ id, title, rows, notes }: Section): string {
  const [heading = [], ...body] = rows;
  const rule = heading.map((cell) => '-'.repeat(cell.length));
  return [
    `(${id}) ${title}\n`,
    textTable([heading, rule, ...body]),
    ...notes.map((note) => `${GAP}${note}\n`),
  ].join('');
}

/** All requirements, with what was measured. */
export function verdictText(sections: readonly Section[]): string {
  const rows = sections
    .flatMap(({ verdicts }) => verdicts)
    .map(({ what, atMost, figure, met }) => [what, plain(atMost), plain(figure), met ? 'met' : 'NOT MET']);
  return textTable([['requirement', 'at most', 'measured', ''], ...rows]);
}

/** A figure with three digits that count; a small fraction as 1/N, which is easier to compare. */
export function plain(value: number): string {
  if (Number.isNaN(value)) return 'none';
  if (value > 0 && value < 0.1) return `1/${Math.round(1 / value)}`;
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}

/** Milliseconds of CPU or wall time. */
export function ms(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0);
}

/** How many, whole. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
