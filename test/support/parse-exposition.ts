export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

export type Format = 'text' | 'openmetrics';

const SUFFIXES: Readonly<Record<string, Readonly<Record<Format, readonly string[]>>>> = {
  counter: { text: [''], openmetrics: ['_total'] },
  gauge: { text: [''], openmetrics: [''] },
  histogram: { text: ['_bucket', '_sum', '_count'], openmetrics: ['_bucket', '_sum', '_count'] },
};
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Reads a scrape by the rules of its format, and throws where it breaks one: every family once, HELP and TYPE before
 * its samples, only samples of its type, no series twice, every escape known, the end of OpenMetrics where it must be.
 */
export function parseExposition(body: string, format: Format): Family[] {
  const families = new Map<string, Family>();
  const series = new Set<string>();
  let family: Family | undefined;
  let help: { readonly name: string; readonly text: string } | undefined;
  for (const line of linesOf(body, format)) {
    const [, keyword, name = '', text = ''] = /^# (HELP|TYPE) (\S+) (.*)$/s.exec(line) ?? [];
    if (keyword === 'HELP') {
      help = { name, text: unescaped(text, format === 'text' ? 'n\\' : 'n\\"') };
    } else if (keyword === 'TYPE') {
      must(help?.name === name, `TYPE without its HELP before: ${line}`);
      must(NAME.test(name) && text in SUFFIXES, `bad TYPE: ${line}`);
      must(!families.has(name), `family twice: ${line}`);
      must(format === 'text' || !name.endsWith('_total'), `family with the suffix of its samples: ${line}`);
      family = { name, type: text, help: help!.text, samples: [] };
      families.set(name, family);
    } else {
      must(family !== undefined && !line.startsWith('#'), `neither sample nor comment: ${line}`);
      const sample = readSample(line);
      const suffixes = SUFFIXES[family!.type]![format];
      must(
        suffixes.some((suffix) => sample.name === family!.name + suffix),
        `not of ${family!.name}: ${line}`,
      );
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      must(!series.has(key), `series twice: ${line}`);
      series.add(key);
      family!.samples.push(sample);
    }
  }
  return [...families.values()];
}

/** Blank lines are a matter of the older format only. */
function linesOf(body: string, format: Format): string[] {
  const end = format === 'openmetrics' ? '\n# EOF\n' : '\n';
  must(body.endsWith(end), `does not end with ${JSON.stringify(end)}`);
  const lines = body.slice(0, -end.length).split('\n');
  must(!lines.includes('# EOF'), 'ends before its end');
  if (format === 'text') return lines.filter((line) => line !== '');
  must(!lines.includes(''), 'a blank line');
  return lines;
}

function readSample(line: string): Sample {
  const labels: Record<string, string> = {};
  const [, name, braces, value] = /^(\w+)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)$/s.exec(line) ?? [];
  must(name !== undefined && NAME.test(name), `no sample: ${line}`);
  let rest = braces ?? '';
  while (rest !== '') {
    const [whole, label, text] = /^(\w+)="((?:[^"\\]|\\.)*)"(?:,(?=\w)|$)/s.exec(rest) ?? [];
    must(whole !== undefined && NAME.test(label!) && !(label! in labels), `bad labels: ${line}`);
    labels[label!] = unescaped(text!, 'n\\"');
    rest = rest.slice(whole!.length);
  }
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  must(!Number.isNaN(number), `no number: ${line}`);
  return { name: name!, labels, value: number };
}

function unescaped(text: string, known: string): string {
  return text.replace(/\\(.?)/gs, (whole, escaped: string) => {
    must(escaped !== '' && known.includes(escaped), `unknown escape ${whole} in ${text}`);
    return escaped === 'n' ? '\n' : escaped;
  });
}

function must(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}
