import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { demoTopology } from '../../src/commands/demo-topology.ts';
import { createCluster, sendOnAll } from './cluster.ts';
import { type PrometheusOptions, startPrometheus } from './prometheus-server.ts';

export const RULES = readFileSync(join(import.meta.dirname, '../../deploy/prometheus/rules.yaml'), 'utf8');

/** A lab with an agent that knows its names, watched by a Prometheus. */
export async function createWatched(
  t: TestContext,
  options: Partial<PrometheusOptions> & { readonly agent?: readonly string[] } = {},
) {
  const cluster = await createCluster(t, { backends: 2 });
  const folder = mkdtempSync(join(tmpdir(), 'cw-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'topology.json');
  writeFileSync(file, JSON.stringify(demoTopology(cluster.lab)));
  const agent = await cluster.startAgent([
    '--topology',
    `file:${file}`,
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
  /** Breaks this many connections by a flush; returns when it was, by performance.now(). */
  const breakSome = async (count: number) => {
    const { lab, client, target } = cluster;
    await lab.setBackends([lab.servers[0]!]);
    await client.connect({ ...target, count });
    await lab.setBackends([lab.servers[1]!]);
    const at = performance.now();
    await lab.flush();
    assert.equal((await sendOnAll(client)).reset, count);
    await client.closeAll();
    return at;
  };
  return {
    ...cluster,
    agent,
    prometheus,
    breakSome,
    [Symbol.asyncDispose]: () => prometheus[Symbol.asyncDispose](),
  };
}
