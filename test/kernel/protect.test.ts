/** `--protect renew` on the real kernel: what the sockets see, and what becomes of the entries; and the same without. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClusters, KINDS, sendOnAll, skip } from '../support/cluster.ts';
import { untilEntries } from '../support/entries.ts';
import { topologyOf } from '../support/topology-file.ts';

const ESTABLISHED_SECONDS = 3;
const COUNT = 40;
const IDLE_MS = 3 * ESTABLISHED_SECONDS * 1000;
/** In that time, however slow a round is: each must have been renewed at least so often. */
const RENEWALS = 4;

test('idle for three times the timeout: with renew all live and nothing is found, with off most break and are found', {
  skip,
}, async (t) => {
  const timeouts = { established: ESTABLISHED_SECONDS };
  const clusters = await createClusters(t, [{ timeouts }, ...KINDS.map((kind) => ({ ...kind, timeouts }))]);
  const [off, ...renewed] = clusters;
  const withoutProtection = async () => {
    const { lab, client, target } = off!;
    const agent = await off!.startAgent(['--topology', topologyOf(t, lab), '--protect', 'off']);
    await client.connect({ ...target, count: COUNT });
    await untilEntries(
      lab,
      (entries) => entries.every(({ state }) => state !== 'ESTABLISHED'),
      'all expired',
    );
    const seen = await sendOnAll(client);
    assert.equal(seen.answered + seen.reset, COUNT);
    // Two of three re-picks go elsewhere.
    assert.ok(seen.reset > COUNT / 3, `${seen.reset} of ${COUNT}`);
    await agent.until(
      (s) =>
        s.sum('broken_connections_total', { cause: 'timeout' }) === seen.reset &&
        s.sum('pickups_total') === COUNT,
      'every break found',
    );
    assert.doesNotMatch((await agent.get('/metrics')).body, /^conntrack_watchdog_(renewals|protected)_/m);
  };
  await Promise.all([
    withoutProtection(),
    ...renewed.map(async (cluster, i) => {
      const { name } = KINDS[i]!;
      const { lab, client, target } = cluster;
      const agent = await cluster.startAgent(['--topology', topologyOf(t, lab), '--protect', 'renew']);
      await client.connect({ ...target, count: COUNT });
      const connectedAtMs = performance.now();
      const rounds = await agent.until(
        (s) =>
          performance.now() - connectedAtMs > IDLE_MS &&
          s.sum('renewals_total', { result: 'renewed' }) >= RENEWALS * COUNT,
        `${name}: each renewed often enough to have outlived its timeout`,
        30_000,
      );
      assert.equal(rounds.sum('protected_connections'), COUNT, name);
      const seen = await sendOnAll(client);
      assert.deepEqual([seen.answered, seen.reset], [COUNT, 0], name);
      const after = await agent.samples();
      for (const metric of ['broken_connections_total', 'lost_entries_total', 'pickups_total']) {
        assert.equal(after.sum(metric), 0, `${name}: ${metric}`);
      }
      assert.equal(after.sum('renewals_total', { result: 'failed' }), 0, name);
      assert.equal(after.sum('renewals_skipped_total'), 0, name);
      assert.equal(after.sum('connections_at_risk', { reason: 'no_keepalive' }), 0, name);
      assert.equal(after.sum('connections_at_risk', { reason: 'protected' }), COUNT, name);
    }),
  ]);
});
