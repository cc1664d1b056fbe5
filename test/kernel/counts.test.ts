/**
 * The promise the product makes: what it counts is what the sockets saw, exactly. Clients hold connections open
 * over three backends, all entries are lost, then every client sends.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Agent, type Cluster, createCluster, KINDS, sendOnAll, skip } from '../support/cluster.ts';

const ESTABLISHED_SECONDS = 3;

async function holdsExactly(
  agent: Agent,
  { client, lab, target }: Cluster,
  count: number,
  lose: () => Promise<void>,
) {
  await client.connect({ ...target, count });
  await lose();
  const seen = await sendOnAll(client);
  assert.equal(seen.answered + seen.reset, count, JSON.stringify({ ...seen, details: undefined }));
  assert.ok(
    seen.answered > 0 && seen.reset > 0,
    'both outcomes must be there for the counts to mean anything',
  );

  const samples = await agent.until(
    (s) => s.sum('pickups_total') >= count,
    `${count} pickups decided`,
    20_000,
  );
  const service = {
    service_namespace: '',
    service_name: lab.service.ip,
    service_port: String(lab.service.port),
  };
  assert.equal(samples.sum('broken_connections_total', service), seen.reset, samples.text());
  assert.equal(
    samples.sum('pickups_total', { ...service, verdict: 'survived' }),
    seen.answered,
    samples.text(),
  );
  assert.equal(samples.sum('pickups_total', { verdict: 'stalled' }), 0);
  assert.equal(samples.sum('pickups_total', { verdict: 'unknown' }), 0);
  assert.equal(samples.sum('events_lost_total'), 0);
  return { samples, seen };
}

// Side by side, as most of the time is waited; of the large ones only two, as each takes a core when all send at once.
for (const [count, concurrency] of [
  [60, 4],
  [5000, 2],
] as const) {
  describe(`of ${count} connections those are broken that the clients saw reset`, {
    skip,
    concurrency,
  }, () => {
    for (const { name, ...kind } of KINDS) {
      test(`flushed: ${name}`, async (t) => {
        const cluster = await createCluster(t, { ...kind, backends: 3 });
        const agent = await cluster.startAgent();
        const { samples, seen } = await holdsExactly(agent, cluster, count, cluster.lab.flush);
        assert.equal(
          samples.sum('broken_connections_total', { cause: 'deleted', outcome: 'reset' }),
          seen.reset,
        );
        assert.equal(samples.sum('lost_entries_total', { cause: 'deleted' }), count);
        assert.equal(samples.sum('broken_connection_idle_seconds_count'), seen.reset);
      });

      test(`expired: ${name}`, async (t) => {
        const timeouts = { established: ESTABLISHED_SECONDS };
        const cluster = await createCluster(t, { ...kind, backends: 3, timeouts });
        const agent = await cluster.startAgent();
        // Nothing tells when an entry has expired; only time does.
        const expire = () => new Promise<void>((done) => setTimeout(done, ESTABLISHED_SECONDS * 1000 + 500));
        const { samples, seen } = await holdsExactly(agent, cluster, count, expire);
        assert.equal(
          samples.sum('broken_connections_total', { cause: 'timeout' }),
          seen.reset,
          samples.text(),
        );
        assert.ok(samples.sum('lost_entries_total', { cause: 'timeout' }) >= count, samples.text());
      });
    }
  });
}
