import { once } from 'node:events';
import { join } from 'node:path';
import { createLab, type Lab, type Server } from '../src/lab/lab.ts';
import { spawnIn, sysctl } from '../src/lab/namespace.ts';
import { type Peer, startPeer } from '../src/lab/peer.ts';
import { startServers } from '../src/lab/servers.ts';
import type { LatencyMessage } from './latency-agent.ts';
import { judge } from './requirements.ts';
import type { Comparison } from './section.ts';
import { median, percentile } from './statistics.ts';

const PROGRAM = join(import.meta.dirname, 'latency-agent.ts');
const ANSWER_MS = 5_000;
const PROGRESS_EACH = 50;

type Counted = Extract<LatencyMessage, { kind: 'counted' }>;

/** (d) How old the news is when the counter moves, by the kernel's own time stamps. */
export const measureLatency: Comparison = async ({ latency: { breaks } }, progress) => {
  const lab = await createLab({ family: 4, rules: 'iptables', backends: 2 });
  const samples: Counted[] = [];
  try {
    // Before any entry is made: the stamps are an extension of the entry. From Linux 6.14 every event has one.
    await sysctl(lab.node, 'net.netfilter.nf_conntrack_timestamp', 1);
    const [next, client] = await Promise.all([
      startLatencyAgent(lab),
      startPeer(lab.clients[0]!),
      startServers(lab),
    ]);
    await lab.setBackends([lab.servers[0]!]);
    for (let i = 0; i < breaks; i++) {
      if (i % PROGRESS_EACH === 0) progress(`break ${i + 1} of ${breaks}`);
      const counted = next();
      await breakOne(lab, client, lab.servers[(i + 1) % 2]!);
      samples.push(await counted);
    }
  } finally {
    await lab.close();
  }
  const delays = samples.map(({ delayMs }) => delayMs);
  const figures = {
    count: delays.length,
    p50Ms: median(delays),
    p99Ms: percentile(delays, 0.99),
    maxMs: Math.max(...delays),
  };
  return {
    id: 'd',
    title: "From the kernel's last event (its own time stamp) to the counter of the agent",
    rows: [
      ['', 'breaks', 'p50 ms', 'p99 ms', 'max ms'],
      [
        'agent',
        String(figures.count),
        ...[figures.p50Ms, figures.p99Ms, figures.maxMs].map((value) => value.toFixed(2)),
      ],
    ],
    notes: [
      'One connection at a time through the data path of the agent: socket, decoder, detector, names, counter.',
    ],
    verdicts: [judge('delayP99', figures.p99Ms)],
    data: { samples, figures },
  };
};

/** A connection whose entry is lost while the Service moves on to the other backend, which resets it. */
async function breakOne(lab: Lab, client: Peer, nextBackend: Server): Promise<void> {
  await client.connect({ host: lab.service.ip, port: lab.service.port, count: 1 });
  await lab.setBackends([nextBackend]);
  await lab.flush();
  await client.send();
  const { reset } = await client.settle({ timeoutMs: ANSWER_MS });
  if (reset !== 1) throw new Error('a connection survived the loss of its entry and of its backend');
}

/** Returns what resolves with the next broken connection it counts. */
async function startLatencyAgent(lab: Lab): Promise<() => Promise<Counted>> {
  const child = spawnIn(lab.node, process.execPath, [PROGRAM], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [ready] = (await once(child, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })) as [
    LatencyMessage,
  ];
  if (ready.kind !== 'ready') throw new Error('the latency agent is out of step');
  return async () => {
    const [message] = await once(child, 'message', { signal: AbortSignal.timeout(ANSWER_MS * 2) });
    return message as Counted;
  };
}
