/** As much of PromQL as tells which metrics and labels an expression names; promtool and Prometheus know the rest. */

export interface Names {
  /** Of metrics and recorded series. */
  readonly metrics: ReadonlySet<string>;
  /** In matchers, by(), without(), on(), ignoring() and group_left(). */
  readonly labels: ReadonlySet<string>;
}

const LABEL_LIST = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const MATCHERS = /\{([^}]*)\}/g;
const KEYWORDS = new Set(['and', 'or', 'unless', 'offset', 'bool', 'by', 'without', 'on', 'ignoring']);
KEYWORDS.add('group_left').add('group_right');

export function namesIn(expression: string): Names {
  const labels = new Set<string>();
  const rest = expression
    .replaceAll(/"(?:\\.|[^"\\])*"/g, '""')
    .replaceAll(MATCHERS, (_, matchers: string) => {
      for (const matcher of matchers.split(',')) addName(labels, /^\s*(\w+)\s*[=!]/.exec(matcher)?.[1]);
      return ' ';
    })
    .replaceAll(LABEL_LIST, (_, list: string) => {
      for (const label of list.split(',')) addName(labels, label.trim());
      return ' ';
    })
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\boffset\s+\w+/g, ' ');
  // What is called is a function or an aggregation.
  const words = rest.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g);
  return { labels, metrics: new Set([...words].map(([word]) => word).filter((word) => !KEYWORDS.has(word))) };
}

/** The expressions that a template asks for: query "..." and query (printf "..." ...). */
export function queriesIn(template: string): string[] {
  return [...template.matchAll(/\bquery (?:\(printf )?"((?:\\.|[^"\\])*)"/g)].map(([, text]) =>
    (text ?? '').replaceAll('%q', '"x"').replaceAll('\\"', '"'),
  );
}

function addName(names: Set<string>, name: string | undefined): void {
  if (name !== undefined && name !== '') names.add(name);
}
