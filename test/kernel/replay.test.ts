/** One traffic, seen by the agent and recorded by `conntrack -E` at once: replay finds in the text what the agent found. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LabOptions } from '../../src/lab/lab.ts';
import { exec } from '../../src/lab/namespace.ts';
import { startPeer } from '../../src/lab/peer.ts';
import { type Agent, type Cluster, createCluster, KINDS, sendOnAll, skip } from '../support/cluster.ts';
import { type Recorder, record, replay } from '../support/recorder.ts';

const WINDOW = ['--confirm-window', '700ms'];
const COUNT = 4;

interface Variant {
  readonly name: string;
  readonly lab?: Partial<LabOptions>;
  readonly options?: readonly string[];
  /** What happens; the connections are broken or not. */
  readonly story: (cluster: Cluster) => Promise<void>;
  /** Pickups that the agent counts, by which it is known to have seen all. */
  readonly pickups: number;
  readonly broken: number;
}

/** Connections to the first of two backends; a re-pick goes to the second for sure. */
async function openOnTheFirst({ lab, client, target }: Cluster, peer = client) {
  await lab.setBackends([lab.servers[0]!]);
  await peer.connect({ ...target, count: COUNT });
  await lab.setBackends([lab.servers[1]!]);
}

const VARIANTS: readonly Variant[] = [
  ...KINDS.map(
    (kind): Variant => ({
      name: `flush, ${kind.name}`,
      lab: { ...kind, backends: 2 },
      story: async (cluster) => {
        await openOnTheFirst(cluster);
        await cluster.lab.flush();
        assert.equal((await sendOnAll(cluster.client)).reset, COUNT);
      },
      pickups: COUNT,
      broken: COUNT,
    }),
  ),
  {
    name: 'expiry',
    lab: { backends: 2, timeouts: { established: 1 } },
    story: async (cluster) => {
      await openOnTheFirst(cluster);
      // Nothing tells when an entry has expired; only time does.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assert.equal((await sendOnAll(cluster.client)).reset, COUNT);
    },
    pickups: COUNT,
    broken: COUNT,
  },
  {
    name: 'stalled',
    lab: { backends: 2 },
    story: async (cluster) => {
      await openOnTheFirst(cluster);
      await cluster.lab.drop(cluster.lab.servers[1]!, 'server');
      await cluster.lab.flush();
      await cluster.client.send();
    },
    pickups: COUNT,
    broken: COUNT,
  },
  {
    name: 'not translated any more',
    lab: { backends: 1 },
    story: async ({ lab, client, target }) => {
      await client.connect({ ...target, count: COUNT });
      await lab.removeService();
      await lab.flush();
      await client.send();
    },
    pickups: COUNT,
    broken: COUNT,
  },
  {
    name: 'half-closed',
    lab: { backends: 2, timeouts: { closeWait: 1, finWait: 1 } },
    story: async (cluster) => {
      await openOnTheFirst(cluster);
      await cluster.servers[0]!.endAll();
      await cluster.client.waitFor({ halfClosed: COUNT });
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assert.equal((await sendOnAll(cluster.client)).reset, COUNT);
    },
    pickups: COUNT,
    broken: COUNT,
  },
  {
    name: 'survived',
    lab: { backends: 1 },
    story: async ({ lab, client, target }) => {
      await client.connect({ ...target, count: COUNT });
      await lab.flush();
      assert.equal((await sendOnAll(client)).answered, COUNT);
    },
    pickups: COUNT,
    broken: 0,
  },
  {
    name: 'server first, then the client',
    lab: { backends: 2 },
    story: async (cluster) => {
      await openOnTheFirst(cluster);
      await cluster.lab.flush();
      await cluster.servers[0]!.send({ text: 'news' });
      assert.equal((await cluster.servers[0]!.settle({ timeoutMs: 5000 })).reset, COUNT);
      assert.equal((await sendOnAll(cluster.client)).reset, COUNT);
    },
    pickups: 2 * COUNT,
    broken: COUNT,
  },
  {
    name: 'one backend, masqueraded from another port',
    lab: { backends: 1, masquerade: 'all' },
    story: async ({ lab, client, target }) => {
      await client.connect({ ...target, count: COUNT });
      await lab.flush();
      assert.equal((await sendOnAll(client)).reset, COUNT);
    },
    pickups: COUNT,
    broken: COUNT,
  },
  {
    name: 'in a zone, with counters, kernel time stamps and the family',
    lab: { backends: 2, masquerade: 'none' },
    options: ['-o', 'timestamp,id,extended,ktimestamp'],
    story: async (cluster) => {
      const { node } = cluster.lab;
      const zone =
        'add table ip zones; add chain ip zones pre { type filter hook prerouting priority raw; }; add rule ip zones pre ct zone set 7';
      await exec(node, 'nft', [zone]);
      const sysctls = ['nf_conntrack_acct', 'nf_conntrack_timestamp'];
      for (const name of sysctls) {
        await exec(node, 'sh', ['-c', `echo 1 > /proc/sys/net/netfilter/${name}`]);
      }
      await openOnTheFirst(cluster);
      await cluster.lab.flush();
      assert.equal((await sendOnAll(cluster.client)).reset, COUNT);
    },
    pickups: COUNT,
    broken: COUNT,
  },
  {
    name: 'nothing but ordinary connections',
    lab: { backends: 2 },
    story: async ({ client, target }) => {
      for (const closeBy of ['server', 'client'] as const) {
        assert.equal((await client.churn({ ...target, count: 50, closeBy })).failed, 0);
      }
    },
    pickups: 0,
    broken: 0,
  },
];

/** What both must say alike; times are read by two programs, at two moments. */
function compared(line: Record<string, unknown>): object {
  const {
    level,
    event,
    cause,
    outcome,
    sender,
    mapping,
    client,
    service,
    old_backend,
    new_backend,
    port_id,
  } = line;
  return {
    level,
    event,
    cause,
    outcome,
    sender,
    mapping,
    client,
    service,
    old_backend,
    new_backend,
    port_id,
  };
}

const byClientPort = (a: Record<string, unknown>, b: Record<string, unknown>) =>
  (a['client'] as { port: number }).port - (b['client'] as { port: number }).port;

/** Ends the recording when it has all that happened before. */
async function finish(cluster: Cluster, recorder: Recorder): Promise<string> {
  const witness = await startPeer(cluster.lab.clients[0]!);
  const server = cluster.lab.servers[0]!;
  await cluster.lab.stopDropping();
  await witness.connect({ host: server.ip, port: server.port, count: 1 });
  const { localPort } = (await witness.connections())[0]!;
  return await recorder.until(new RegExp(`\\[UPDATE\\].*ESTABLISHED .*sport=${localPort} `));
}

async function pickupsByVerdict(agent: Agent): Promise<string> {
  const samples = await agent.samples();
  return ['reset', 'stalled', 'survived', 'unknown']
    .map((verdict) => [verdict, samples.sum('pickups_total', { verdict })] as const)
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => `${verdict} ${count}`)
    .join(', ');
}

// Two at a time: half of it is waiting.
describe('replay', { skip, concurrency: 2 }, () => {
  for (const { name, lab, options, story, pickups, broken } of VARIANTS) {
    test(`finds in a recording what the agent found: ${name}`, async (t) => {
      const cluster = await createCluster(t, lab);
      const recorder = await record(cluster.lab.node, options);
      const agent = await cluster.startAgent([...WINDOW, '--snapshot-interval', 'off']);
      await story(cluster);
      await agent.until((s) => s.sum('pickups_total') === pickups, `${pickups} pickups`);
      const recording = await finish(cluster, recorder);
      const verdicts = await pickupsByVerdict(agent);
      await agent.stop();

      const found = agent.lines
        .filter(({ event }) => event === 'connection_broken')
        .map((line) => ({ ...line }));
      const json = replay(recording, ['--json', ...WINDOW]);
      const replayed = json
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.equal(replayed.length, broken, recording);
      assert.deepEqual(
        replayed.sort(byClientPort).map(compared),
        found.sort(byClientPort).map(compared),
        recording,
      );
      const summary = replay(recording, WINDOW);
      const told = verdicts === '' ? '0' : `${pickups} (${verdicts})`;
      assert.ok(summary.includes(`Mid-stream pickups: ${told}\n`), `${told}\n${summary}`);
      assert.match(summary, /, 0 skipped as no events, 0 not readable\n/);
    });
  }
});
