import { METRICS, PREFIX } from '../../src/report/metric-table.ts';

/** Which series the queries of a dashboard are about: each filters by every variable that its metric has a label for. */
export interface Scope {
  /** `select('pickups_total', 'verdict="survived"')` is the selector of a metric of the agent. */
  readonly select: (name: string, matchers?: string) => string;
  /** The selector of a metric with no labels but the target's: of the process, or Prometheus' own `up`. */
  readonly selectTarget: (name: string) => string;
}

/** Matchers by the label of the metric that they need. */
const FLEET_FILTERS = {
  service_namespace: 'service_namespace=~"$service_namespace"',
  service_name: 'service_name=~"$service"',
  client_namespace: 'client_namespace=~"$client_namespace"',
};

export const FLEET = createScope('job="$job",instance=~"$node"', FLEET_FILTERS);
export const NODE = createScope('job="$job",instance="$node"', {});

function createScope(target: string, filters: Readonly<Record<string, string>>): Scope {
  return {
    select(name, matchers) {
      const labels = labelsOf(name);
      const own = Object.entries(filters).flatMap(([label, filter]) =>
        labels.includes(label) ? filter : [],
      );
      return `${PREFIX}${name}{${[target, ...own, ...(matchers ? [matchers] : [])].join(',')}}`;
    },
    selectTarget: (name) => `${name}{${target}}`,
  };
}

function labelsOf(name: string): readonly string[] {
  const metrics: Readonly<Record<string, { readonly labels: readonly string[] }>> = METRICS;
  return metrics[name.replace(/_(bucket|sum|count)$/, '')]?.labels ?? [];
}
