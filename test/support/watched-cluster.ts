import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { breakByFlush, createCluster } from './cluster.ts';
import { type PrometheusOptions, startPrometheus } from './prometheus-server.ts';
import { topologyOf } from './topology-file.ts';

export const RULES = readFileSync(join(import.meta.dirname, '../../deploy/prometheus/rules.yaml'), 'utf8');

/** A lab with an agent that knows its names, watched by a Prometheus. */
export async function createWatched(
  t: TestContext,
  options: Partial<PrometheusOptions> & { readonly agent?: readonly string[] } = {},
) {
  const cluster = await createCluster(t, { backends: 2 });
  const topology = topologyOf(t, cluster.lab);
  const agent = await cluster.startAgent([
    '--topology',
    topology,
    '--snapshot-interval',
    '1s',
    ...(options.agent ?? []),
  ]);
  const prometheus = await startPrometheus({
    host: cluster.lab.node,
    asker: cluster.node,
    port: 9090,
    targets: { 'node-1': new URL(agent.url).host },
    rules: RULES,
    scrapeSeconds: 1,
    evaluationSeconds: 1,
    ...options,
  });
  await prometheus.until(
    () => prometheus.query('up'),
    ([up]) => up?.value === 1,
    'scraped',
  );
  return {
    ...cluster,
    agent,
    prometheus,
    /** Breaks this many connections by a flush; returns when it was, by performance.now(). */
    breakSome: (count: number) => breakByFlush(cluster, count),
    [Symbol.asyncDispose]: () => prometheus[Symbol.asyncDispose](),
  };
}
