import { type Metric, type OpenMetricsContentType, Registry } from 'prom-client';

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/**
 * The metrics as text, in the format the Accept header prefers: Prometheus text 0.0.4 or OpenMetrics 1.0.
 * @param accept the header as it came; without one it is the Prometheus text
 */
export async function expose(registry: Registry, accept: string | undefined): Promise<Exposition> {
  if (!prefersOpenMetrics(accept)) {
    return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, body: await registry.metrics() };
  }
  const view = openMetricsView(registry);
  return { contentType: Registry.OPENMETRICS_CONTENT_TYPE, body: await view.metrics() };
}

/**
 * A registry of the same metrics for one OpenMetrics scrape. prom-client's format belongs to the registry, and
 * rendering OpenMetrics takes `_total` off the names of the counters for good (registry.js, metrics()): with the
 * metrics themselves the next Prometheus scrape would have other names. Objects that inherit from them take the
 * new name instead, and share the values.
 */
function openMetricsView(registry: Registry) {
  const view = new Registry<OpenMetricsContentType>();
  view.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const metric of registry.getMetricsAsArray()) {
    view.registerMetric(Object.create(metric) as Metric);
  }
  return view;
}

/** Prometheus sends a list like `application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3`. */
export function prefersOpenMetrics(accept = ''): boolean {
  let openMetrics = 0;
  let text = 0;
  for (const range of accept.split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = weightOf(parameters);
    if (type === 'application/openmetrics-text') openMetrics = Math.max(openMetrics, weight);
    if (type === 'text/plain') text = Math.max(text, weight);
  }
  return openMetrics > 0 && openMetrics >= text;
}

/** The q parameter, RFC 9110 section 12.4.2: 1 unless it says otherwise. */
function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  if (given === undefined) return 1;
  const weight = Number(given.slice('q='.length));
  return weight >= 0 && weight <= 1 ? weight : 0;
}
