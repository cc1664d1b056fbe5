/** `--protect renew` on the real kernel: what the sockets see, and what becomes of the entries. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCluster, KINDS, sendOnAll, skip } from '../support/cluster.ts';
import { topologyOf } from '../support/topology-file.ts';

const ESTABLISHED_SECONDS = 3;
const COUNT = 40;

for (const kind of KINDS) {
  test(`connections idle for five times the timeout live, and nothing is found (${kind.name})`, {
    skip,
  }, async (t) => {
    const cluster = await createCluster(t, { ...kind, timeouts: { established: ESTABLISHED_SECONDS } });
    const { lab, client, target } = cluster;
    const agent = await cluster.startAgent(['--topology', topologyOf(t, lab), '--protect', 'renew']);
    await client.connect({ ...target, count: COUNT });
    const rounds = await agent.until(
      (s) => s.sum('renewals_total', { result: 'renewed' }) >= 8 * COUNT,
      'each renewed often enough to have outlived its timeout several times',
      30_000,
    );
    assert.equal(rounds.sum('protected_connections'), COUNT);
    const seen = await sendOnAll(client);
    assert.deepEqual([seen.answered, seen.reset], [COUNT, 0]);
    const after = await agent.samples();
    assert.equal(after.sum('broken_connections_total'), 0);
    assert.equal(after.sum('lost_entries_total'), 0);
    assert.equal(after.sum('connections_at_risk', { reason: 'no_keepalive' }), 0);
    assert.equal(after.sum('connections_at_risk', { reason: 'protected' }), COUNT);
  });
}
