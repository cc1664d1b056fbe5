/** As much of PromQL as it takes to see which series a query names. It is no parser: it refuses what it does not know. */

export interface Selector {
  readonly metric: string;
  /** `job="$job"` by label. */
  readonly matchers: ReadonlyMap<string, string>;
}

/** What may stand where a name could be that is none of a metric. */
const WORDS = ['and', 'or', 'unless', 'offset', 'bool'];

const SELECTOR = /\b([a-z_]\w*)\{([^}]*)\}/gi;
const GROUPING = /\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)/gi;

export function selectorsOf(expr: string): Selector[] {
  return [...expr.matchAll(SELECTOR)].map(([, metric, inside]) => ({
    metric: metric!,
    matchers: new Map(
      [...inside!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"/g)].map(([text, label]) => [label!, text]),
    ),
  }));
}

/** Labels that series are grouped or matched by. */
export function groupingLabelsOf(expr: string): string[] {
  return [...expr.matchAll(GROUPING)]
    .flatMap(([, inside]) => inside!.split(',').map((label) => label.trim()))
    .filter((label) => label !== '');
}

/** Labels that the query makes itself. */
export function madeLabelsOf(expr: string): string[] {
  const named = [...expr.matchAll(/\bcount_values\s*\(\s*"(\w+)"/g)].map(([, label]) => label!);
  const replaced = [...expr.matchAll(/,\s*"(\w+)",\s*"[^"]*",\s*"\w*",\s*"[^"]*"\s*\)/g)].map(
    ([, label]) => label!,
  );
  return [...named, ...replaced];
}

/** Names that are neither selector, function, label nor word: a metric without braces, which nothing filters. */
export function bareNamesOf(expr: string): string[] {
  const rest = expr
    .replace(SELECTOR, ' ')
    .replace(/"[^"]*"/g, ' ')
    .replace(GROUPING, ' ')
    .replace(/\$\w+/g, ' ')
    .replace(/\b[a-z_]\w*\s*\(/gi, ' (');
  return [...rest.matchAll(/\b[a-z_]\w*/gi)].map(([name]) => name).filter((name) => !WORDS.includes(name));
}
