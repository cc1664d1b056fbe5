import { METRICS, PREFIX } from '../../../src/report/metric-table.ts';
import { createMetrics } from '../../../src/report/metrics.ts';
import { readings } from '../report/samples.ts';

/** Labels of every metric that a query may name, without those a scrape adds. */
export async function knownMetrics(): Promise<ReadonlyMap<string, readonly string[]>> {
  const known = new Map<string, readonly string[]>([['up', []]]);
  for (const [name, { type, labels }] of Object.entries(METRICS)) {
    known.set(PREFIX + name, labels);
    if (type === 'histogram') known.set(`${PREFIX}${name}_bucket`, [...labels, 'le']);
  }
  for (const [name, labels] of await processMetrics()) known.set(name, labels);
  return known;
}

/** As the process that runs this exposes them. */
async function processMetrics(): Promise<Map<string, readonly string[]>> {
  const metrics = createMetrics({
    version: '0.1.0',
    nodeVersion: 'v26.0.0',
    malformedReasons: [],
    read: async () => readings,
    processMetrics: true,
  });
  const { body } = await metrics.expose(undefined);
  return new Map(
    [...body.matchAll(/^((?:process|nodejs)_\w+)(?:\{([^}]*)\})? /gm)].map(([, name, labels = '']) => [
      name!,
      [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label!),
    ]),
  );
}
