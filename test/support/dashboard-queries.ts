/** The queries of a dashboard as Grafana would send them to Prometheus. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '../../deploy/grafana');
export const DASHBOARDS = ['fleet', 'node'] as const;

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly instant?: boolean;
  readonly format?: string;
  readonly legendFormat?: string;
  readonly datasource?: { readonly uid: string };
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly Target[];
  readonly panels?: readonly Panel[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string };
    readonly overrides: readonly {
      readonly matcher: { readonly options: string };
      readonly properties: readonly { readonly id: string }[];
    }[];
  };
  readonly transformations?: readonly {
    readonly options: {
      readonly include?: { readonly names: readonly string[] };
      readonly renameByName?: Readonly<Record<string, string>>;
    };
  }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly links: readonly { readonly url: string }[];
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly type: string;
      readonly query?: string | { readonly query: string };
      readonly allValue?: string;
    }[];
  };
}

export interface PanelQuery {
  /** Title of the panel; not unique, `refId` is within it. */
  readonly panel: string;
  readonly refId: string;
  readonly expr: string;
}

export interface Chosen {
  /** The time range, the step of the graphs, and what rate() looks at. */
  readonly rangeSeconds: number;
  readonly stepSeconds: number;
  readonly rateSeconds: number;
  /** Names by variable, such as `{ node: 'node-1' }`; `job` and those with All have a default. */
  readonly variables?: Readonly<Record<string, string>>;
}

export function readDashboard(name: (typeof DASHBOARDS)[number]): Dashboard {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8'));
}

/** All panels but the rows, those of collapsed rows too. */
export function panelsOf({ panels }: Pick<Dashboard, 'panels'>): Panel[] {
  return panels.flatMap((panel) => (panel.type === 'row' ? panelsOf({ panels: panel.panels ?? [] }) : panel));
}

/** Every query of every panel. @throws Error for a variable without a value */
export function queriesOf(dashboard: Dashboard, chosen: Chosen): PanelQuery[] {
  const values = { ...defaultsOf(dashboard), ...timesOf(chosen), ...chosen.variables };
  return panelsOf(dashboard).flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, expr }) => ({ panel: title, refId, expr: interpolate(expr, values) })),
  );
}

/** What the variables are filled from: values of a label in series. */
export function variableQueriesOf(dashboard: Dashboard, chosen: Chosen) {
  const values = { ...defaultsOf(dashboard), ...timesOf(chosen), ...chosen.variables };
  return dashboard.templating.list.flatMap(({ name, query }) => {
    if (typeof query !== 'object') return [];
    const [, series, label] = /^label_values\((.+),\s*(\w+)\)$/.exec(query.query)!;
    return [{ variable: name, series: interpolate(series!, values), label: label! }];
  });
}

/** Names of the variables in a text, Grafana's own included; `$1` is one of label_replace(). */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(VARIABLE)].map(([, bare, braced]) => (bare ?? braced)!);
}

const VARIABLE = /\$(?:([a-z_]\w*)|\{([a-z_]\w*)[^}]*\})/gi;

export function interpolate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(VARIABLE, (whole, bare?: string, braced?: string) => {
    const value = values[(bare ?? braced)!];
    if (value === undefined) throw new Error(`no value for ${whole} in ${text}`);
    return value;
  });
}

/** Those with All stand for all. */
function defaultsOf({ templating }: Dashboard): Record<string, string> {
  const withAll = templating.list.flatMap(({ name, allValue }) => (allValue ? [[name, allValue]] : []));
  return { job: 'conntrack-watchdog', ...Object.fromEntries(withAll) };
}

export function timesOf({ rangeSeconds, stepSeconds, rateSeconds }: Chosen): Record<string, string> {
  return {
    __range: `${rangeSeconds}s`,
    __range_s: String(rangeSeconds),
    __interval: `${stepSeconds}s`,
    __interval_ms: String(stepSeconds * 1000),
    __rate_interval: `${rateSeconds}s`,
  };
}
