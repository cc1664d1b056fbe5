/** What `audit` does: names once, or a clear error. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTopology } from '../../src/commands/topology/load-topology.ts';
import { readTopology } from '../../src/commands/topology/read-topology.ts';
import { UsageError } from '../../src/config/parse.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createHarness, KINDS, until } from './harness.ts';

const never = new AbortController().signal;
const kubernetes = { topology: { kind: 'kubernetes' }, nodeName: 'node-a' } as const;

test('all names are there when it resolves, and no connection is left', async (t) => {
  const { server, kubeconfig } = await createHarness(t);
  const source = await loadTopology({ ...kubernetes, kubeconfig });
  const topology = await readTopology(source, systemClock(), never);
  assert.equal(topology.serviceAt('10.108.33.37', 6379)?.name, 'redis');
  assert.equal(topology.podAt('10.244.0.4')?.workload, 'Deployment/redis');
  assert.equal(topology.endpointAt('10.244.0.4', 8080)?.pod, 'redis-6b976b7d8b-hzxtm');
  await until(() => server.watches === 0, 'no watch left');
});

test('the right to list is enough', async (t) => {
  const { server, kubeconfig } = await createHarness(t);
  for (const kind of KINDS) server.denied.add(`watch ${kind}`);
  const source = await loadTopology({ ...kubernetes, kubeconfig });
  const topology = await readTopology(source, systemClock(), never);
  assert.equal(topology.serviceAt('10.108.33.37', 6379)?.name, 'redis');
});

test('what is missing when time is over is an error that says why', async (t) => {
  const { server, kubeconfig } = await createHarness(t);
  server.denied.add('list pods');
  const source = await loadTopology({ ...kubernetes, kubeconfig });
  await assert.rejects(readTopology(source, systemClock(), never, 300), {
    message:
      /^the API server did not tell the names within 0\.3 s: cannot list pods: 403 pods is forbidden: [^;]+$/,
  });
});

test('an aborted signal ends the waiting', async (t) => {
  const { kubeconfig } = await createHarness(t, { started: false });
  const stop = new AbortController();
  const reading = readTopology(await loadTopology({ ...kubernetes, kubeconfig }), systemClock(), stop.signal);
  stop.abort();
  assert.equal((await reading).podAt('10.244.0.4'), undefined);
});

test('no kubeconfig and no cluster is bad usage', async () => {
  const source = await loadTopology({ ...kubernetes, kubeconfig: undefined });
  await assert.rejects(
    readTopology(source, systemClock(), never),
    (error) => error instanceof UsageError && /not in a cluster.*give --kubeconfig/.test(error.message),
  );
});
