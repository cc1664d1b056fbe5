import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { breakByFlush, createCluster } from './cluster.ts';
import { type PrometheusOptions, startPrometheus } from './prometheus-server.ts';
import { topologyOf } from './topology-file.ts';

export const RULES = readFileSync(join(import.meta.dirname, '../../deploy/prometheus/rules.yaml'), 'utf8');

interface WatchedOptions extends Partial<PrometheusOptions> {
  /** More of the agent's options. */
  readonly agent?: readonly string[];
  /** Server pods. Default 2. */
  readonly backends?: number;
  /** Which of them its topology does not have as endpoints: those have left the Service. Default: none. */
  readonly left?: readonly number[];
}

/** A lab with an agent that knows its names, watched by a Prometheus. */
export async function createWatched(t: TestContext, options: WatchedOptions = {}) {
  const { agent: more = [], backends = 2, left = [], ...prometheusOptions } = options;
  const cluster = await createCluster(t, { backends });
  const gone = left.map((i) => cluster.lab.servers[i]!.ip);
  const topology = topologyOf(t, cluster.lab, (json) => withoutEndpoints(json, gone));
  const agent = await cluster.startAgent(['--topology', topology, '--snapshot-interval', '1s', ...more]);
  const prometheus = await startPrometheus({
    host: cluster.lab.node,
    asker: cluster.node,
    port: 9090,
    targets: { 'node-1': new URL(agent.url).host },
    rules: RULES,
    scrapeSeconds: 1,
    evaluationSeconds: 1,
    ...prometheusOptions,
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

function withoutEndpoints(json: string, ips: readonly string[]): string {
  const isLeft = ({ addresses }: { readonly addresses: readonly string[] }) => !ips.includes(addresses[0]!);
  return JSON.stringify(
    JSON.parse(json, (key, value) => (key === 'endpoints' ? value.filter(isLeft) : value)),
  );
}
