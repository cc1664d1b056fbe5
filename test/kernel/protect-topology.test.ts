/** A topology file that is exchanged while the agent protects by it: whose entries are renewed, and whose run out. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCluster, sendOnAll, skip } from '../support/cluster.ts';
import { topologyOf } from '../support/topology-file.ts';

const ESTABLISHED_SECONDS = 3;
const COUNT = 40;

interface Entry {
  readonly clientPort: string;
  readonly backend: string;
  readonly secondsLeft: number;
}

/** The ESTABLISHED entries of a `conntrack -L`. */
function entriesOf(list: string): Entry[] {
  return list.split('\n').flatMap((line) => {
    const left = /^tcp +6 (\d+) ESTABLISHED /.exec(line);
    const [client, backend] = [...line.matchAll(/src=(\S+) dst=\S+ sport=(\d+)/g)];
    if (!left || !client || !backend) return [];
    return [{ clientPort: client[2]!, backend: backend[1]!, secondsLeft: Number(left[1]) }];
  });
}

test('a backend that is not in the file any more: its entries run out on time, the others live', {
  skip,
}, async (t) => {
  const cluster = await createCluster(t, { timeouts: { established: ESTABLISHED_SECONDS } });
  const { lab, client, target } = cluster;
  const topology = topologyOf(t, lab);
  const path = topology.replace('file:', '');
  const replace = (text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  const whole = readFileSync(path, 'utf8');
  const agent = await cluster.startAgent(['--topology', topology, '--protect', 'renew']);
  /** Until every connection that is protected was renewed twice more: older rounds than this are over by then. */
  const twoRounds = async () => {
    const before = (await agent.samples()).sum('renewals_total', { result: 'renewed' });
    const now = await agent.until(
      (s) => s.sum('renewals_total', { result: 'renewed' }) >= before + 2 * s.sum('protected_connections'),
      'two rounds of renewals',
    );
    return now.sum('protected_connections');
  };
  await client.connect({ ...target, count: COUNT });
  await agent.until((s) => s.sum('protected_connections') === COUNT, 'all protected');

  replace(whole.slice(0, whole.length / 2));
  const problem = await agent.waitFor(({ event }) => event === 'topology_problem');
  assert.match(problem.msg, /the names stay as they were: topology file .*broken/);
  assert.equal(await twoRounds(), COUNT);

  const gone = lab.servers[0]!.ip;
  const list = JSON.parse(whole) as { items: { kind: string; endpoints: { addresses: string[] }[] }[] };
  const slice = list.items.find(({ kind }) => kind === 'EndpointSlice')!;
  slice.endpoints = slice.endpoints.filter(({ addresses }) => addresses[0] !== gone);
  replace(JSON.stringify(list));
  await agent.waitFor(({ event, msg }) => event === 'topology_loaded' && msg.includes('anew'));
  const kept = await twoRounds();
  const all = entriesOf(await lab.conntrackList());
  assert.equal(all.filter(({ backend }) => backend !== gone).length, kept);
  assert.ok(kept > 0 && kept < COUNT);

  // From here on their time only falls, until they are gone.
  const left = new Map<string, number>();
  for (let now = all; ; now = entriesOf(await lab.conntrackList())) {
    assert.equal(now.filter(({ backend }) => backend !== gone).length, kept, 'the others live');
    const going = now.filter(({ backend }) => backend === gone);
    for (const { clientPort, secondsLeft } of going) {
      assert.ok(secondsLeft <= (left.get(clientPort) ?? ESTABLISHED_SECONDS), 'it was renewed');
      left.set(clientPort, secondsLeft);
    }
    if (going.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await agent.until(
    (s) => s.sum('renewals_skipped_total', { reason: 'backend_gone' }) === COUNT - kept,
    'each that was left to expire is counted',
  );

  const seen = await sendOnAll(client);
  assert.equal(seen.answered + seen.reset, COUNT);
  assert.ok(seen.answered >= kept && seen.reset <= COUNT - kept);
  const after = await agent.until((s) => s.sum('broken_connections_total') >= seen.reset, 'the breaks found');
  assert.equal(after.sum('broken_connections_total'), seen.reset);
  assert.equal(after.sum('lost_entries_total', { cause: 'timeout' }), COUNT - kept);
  assert.equal(agent.lines.filter(({ event }) => event === 'topology_problem').length, 1);
});
