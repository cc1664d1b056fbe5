import { readFileSync } from 'node:fs';

const DOCUMENT = new URL('../../docs/metrics.md', import.meta.url);
const METRIC_LINE = /^(Counter|Gauge|Histogram); ([^;]+); (?:no labels|labels (.+))\.$/;

/** A table of docs/metrics.md: its header, and its rows; cells without the marks of code. */
export interface DocTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What stands under one heading. */
export interface DocSection {
  readonly heading: string;
  readonly paragraphs: readonly string[];
  readonly tables: readonly DocTable[];
  /** Indented blocks: queries. */
  readonly queries: readonly string[];
}

/** The section of one metric; `name` is without the prefix. */
export interface DocMetric extends DocSection {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly labels: readonly string[];
}

/** Every section of docs/metrics.md, by its heading. */
export function readMetricsDoc(): ReadonlyMap<string, DocSection> {
  const parts = readFileSync(DOCUMENT, 'utf8').split(/^#+ /m).slice(1);
  return new Map(parts.map((part) => readSection(part)).map((section) => [section.heading, section]));
}

/** The sections that begin with type, unit and labels: those of metrics. */
export function metricsOf(sections: ReadonlyMap<string, DocSection>): DocMetric[] {
  return [...sections.values()].flatMap((section) => {
    const match = METRIC_LINE.exec(section.paragraphs[0] ?? '');
    if (!match) return [];
    const labels = match[3] === undefined ? [] : match[3].split(', ').map(bare);
    return [{ ...section, name: section.heading, type: match[1]!.toLowerCase(), unit: match[2]!, labels }];
  });
}

function readSection(part: string): DocSection {
  const [heading = '', ...blocks] = part.split(/\n\n+/).map((block) => block.trimEnd());
  return {
    heading: heading.trim(),
    paragraphs: blocks
      .filter((block) => !/^(\|| {4})/.test(block))
      .map((block) => block.replaceAll('\n', ' ')),
    tables: blocks.filter((block) => block.startsWith('|')).map(readTable),
    queries: blocks.filter((block) => block.startsWith('    ')),
  };
}

function readTable(block: string): DocTable {
  const [header = [], , ...rows] = block.split('\n').map((line) => line.split('|').slice(1, -1).map(bare));
  return { header, rows };
}

function bare(cell: string): string {
  return cell.trim().replace(/^`([^`]*)`$/, '$1');
}
