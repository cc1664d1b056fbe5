import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type LabelsOf, METRICS, type MetricName, PREFIX } from './metric-table.ts';

type NameOf<Type> = { [N in MetricName]: (typeof METRICS)[N]['type'] extends Type ? N : never }[MetricName];

/** Series to show and their values; what is not known is undefined and has no series. */
export type Values<N extends MetricName> = Iterable<
  readonly [labels: LabelsOf<N>, value: number | undefined]
>;

/** A counter of the table: `add` counts here, `replace` shows totals that are counted elsewhere. */
export function addCounter<N extends NameOf<'counter'>>(registry: Registry, name: N) {
  const metric = new Counter<string>(configuration(registry, name));
  return {
    /** With value 0 the series comes into being, so that rate() sees its first increment. */
    add: (labels: LabelsOf<N>, value = 1) => metric.inc(labels, value),
    replace: (values: Values<N>) => replace(metric, values),
  };
}

/** A gauge of the table, its values read elsewhere. */
export function addGauge<N extends NameOf<'gauge'>>(registry: Registry, name: N) {
  const metric = new Gauge<string>(configuration(registry, name));
  return { replace: (values: Values<N>) => replace(metric, values) };
}

/** A histogram of the table. */
export function addHistogram<N extends NameOf<'histogram'>>(registry: Registry, name: N) {
  const buckets = [...METRICS[name].buckets];
  const metric = new Histogram<string>({ ...configuration(registry, name), buckets });
  return { observe: (labels: LabelsOf<N>, value: number) => metric.observe(labels, value) };
}

function configuration(registry: Registry, name: MetricName) {
  const { help, labels } = METRICS[name];
  return { name: PREFIX + name, help, labelNames: labels, registers: [registry] };
}

function replace<N extends MetricName>(metric: Counter<string> | Gauge<string>, values: Values<N>): void {
  // A metric without labels has a 0 after reset(), which would be a claim: hence remove() for the unknown.
  metric.reset();
  for (const [labels, value] of values) {
    if (value === undefined) metric.remove(labels);
    else metric.inc(labels, value);
  }
}
