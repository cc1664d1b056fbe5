/** Cases for `promtool test rules`, written as data: what Prometheus scraped, and what it must say at which minute. */

export type Labels = Readonly<Record<string, string>>;

/**
 * What the scrapes found, from one every half minute, and for how many minutes: '0 20m, gone 5m, 3 60m'. A value; `gone`:
 * the target or the series was not there any more, for which Prometheus writes a stale marker; `none`: Prometheus did
 * not scrape.
 */
export type Over = string;

/** A series by name and labels. */
export interface Series {
  readonly name: string;
  readonly labels: Labels;
  readonly over: Over;
}

export interface Check {
  readonly minute: number;
  /** All alerts that fire then, by their labels; no other may. */
  readonly firing?: readonly Labels[];
  /** The texts of those of one name, with all their labels. */
  readonly texts?: {
    readonly alertname: string;
    readonly alerts: readonly {
      readonly labels: Labels;
      readonly summary: string;
      readonly description: string;
    }[];
  };
  /** All that an expression has then. */
  readonly values?: { readonly expr: string; readonly samples: readonly (readonly [Labels, number])[] };
}

export interface RuleCase {
  /** The alert it is about. */
  readonly about: string;
  readonly name: string;
  readonly series: readonly Series[];
  readonly checks: readonly Check[];
}

const SCRAPES_A_MINUTE = 2;
/** In the tests time begins at 0. */
export const LONG_AGO = -86_400;

export const RUNBOOKS = 'https://github.com/conntrack-watchdog/conntrack-watchdog/blob/main/docs/runbooks/';

/** A test group of promtool, as plain data for a YAML file. */
export function testGroup({ about, name, series, checks }: RuleCase): object {
  return {
    name: `${about}: ${name}`,
    interval: '30s',
    input_series: series.map((each) => ({
      series: selector(each.name, each.labels),
      values: each.over.split(', ').map(valuesText).join(' '),
    })),
    alert_rule_test: checks.flatMap(({ minute, texts }) => (texts ? [alertTest(minute, texts)] : [])),
    promql_expr_test: checks.flatMap(({ minute, firing, values }) => [
      ...(firing ? [expressionTest(minute, 'ALERTS{alertstate="firing"}', firing.map(alertSample))] : []),
      ...(values ? [expressionTest(minute, values.expr, values.samples.map(valueSample(values.expr)))] : []),
    ]),
  };
}

function alertTest(minute: number, { alertname, alerts }: NonNullable<Check['texts']>): object {
  return {
    eval_time: `${minute * 60}s`,
    alertname,
    exp_alerts: alerts.map(({ labels, summary, description }) => ({
      exp_labels: labels,
      exp_annotations: { summary, description, runbook_url: `${RUNBOOKS}${alertname}.md` },
    })),
  };
}

function expressionTest(minute: number, expr: string, samples: readonly object[]): object {
  return { expr, eval_time: `${minute * 60}s`, exp_samples: samples };
}

const alertSample = (labels: Labels) => ({
  labels: selector('ALERTS', { ...labels, alertstate: 'firing' }),
  value: 1,
});

/** The name is part of what an expression has where it is a selector, or filters one. */
const valueSample =
  (expr: string) =>
  ([labels, value]: readonly [Labels, number]) => ({
    labels: selector(/^([a-z_0-9:]+)( > 0)?$/.exec(expr)?.[1] ?? '', labels),
    value,
  });

function selector(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `${name}{${pairs.join(', ')}}`;
}

function valuesText(part: string): string {
  const [, sample, minutes] = /^(-?\d+|gone|none) ([\d.]+)m$/.exec(part) ?? [];
  if (sample === undefined) throw new Error(`"${part}" is no "VALUE MINUTESm"`);
  const count = Number(minutes) * SCRAPES_A_MINUTE;
  if (sample === 'none') return repeat('_', count);
  // Once: a second marker would change nothing.
  if (sample === 'gone') return ['stale', ...Array(count - 1).fill('_')].join(' ');
  return repeat(sample, count);
}

const repeat = (text: string, count: number) => Array(count).fill(text).join(' ');
