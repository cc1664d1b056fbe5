import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { demoTopology } from '../src/commands/demo/topology.ts';
import { type AgentProcess, startAgent } from '../src/lab/agent-process.ts';
import { createLab, type Lab } from '../src/lab/lab.ts';
import { sysctl } from '../src/lab/namespace.ts';
import { type Peer, startPeer } from '../src/lab/peer.ts';
import { startServers } from '../src/lab/servers.ts';
import { sendOnAll } from '../test/support/cluster.ts';
import { cpuBetween, type ProcessCpu, processCpu } from './cpu.ts';
import { metricSum } from './metric-sum.ts';
import { measurePauses, type Pauses } from './pauses.ts';
import { judge } from './requirements.ts';
import type { Comparison, Progress, Section } from './section.ts';
import { count, ms, plain } from './text-table.ts';

const CONCURRENCY = 256;
/** Fewer connections of a process than it may have files open. */
const CONNECTIONS_OF_CLIENT = 12_500;
const BACKENDS = 4;
/** More than the longest timeout of a load: with it every entry is due, and has time left afterwards. */
const LONG_SECONDS = 240;
const POLL_MS = 200;
const TIMEOUT_MS = 240_000;
const ANSWER_MS = 60_000;

/** Renewals evenly spread as with a long timeout, and with so short a one that a quarter of all is due in each round. */
const LOADS = [
  { name: 'spread', establishedSeconds: 80, intervalMs: 4_000 },
  { name: 'hurried', establishedSeconds: 24, intervalMs: 3_000 },
] as const;

/** Both agents over the same rounds of the same table. */
interface Sample {
  readonly load: (typeof LOADS)[number]['name'];
  readonly off: PerRound;
  readonly renew: PerRound;
  readonly renewals: number;
}

interface PerRound {
  readonly rounds: number;
  /** Of a round: whole process, all threads. */
  readonly cpu: ProcessCpu;
}

/** (j) Open connections whose entries are renewed: what a round costs, beside an agent that does not renew. */
export const compareProtect: Comparison = async ({ protect }, progress) => {
  const { connections, rounds, laterSnapshots } = protect;
  const lab = await createLab({
    family: 4,
    rules: 'iptables',
    backends: BACKENDS,
    clients: Math.ceil(connections / CONNECTIONS_OF_CLIENT),
    timeouts: { established: LOADS[0].establishedSeconds },
  });
  const folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-bench-'));
  try {
    const topologyFile = join(folder, 'cluster.json');
    writeFileSync(topologyFile, JSON.stringify(demoTopology(lab)));
    const [clients, scraper] = await Promise.all([
      Promise.all(lab.clients.map(startPeer)),
      startPeer(lab.node),
      startServers(lab),
    ]);
    progress(`opening ${count(connections)} connections`);
    const { ip: host, port } = lab.service;
    const each = Math.ceil(connections / clients.length);
    for (const client of clients) {
      await client.connect({ host, port, count: each, concurrency: CONCURRENCY, timeoutMs: TIMEOUT_MS });
    }
    const samples: Sample[] = [];
    for (const load of LOADS) {
      samples.push(await measure(lab, scraper, topologyFile, load, connections, rounds, progress));
    }
    progress(`pauses of ${laterSnapshots + 1} rounds`);
    // All of them are due at once then: as many as may be are renewed in the first rounds.
    await setEstablished(lab, 4 * LONG_SECONDS);
    const pauses = await measurePauses(lab, connections, laterSnapshots, 'renew');
    let answered = 0;
    for (const client of clients) answered += (await sendOnAll(client, ANSWER_MS)).answered;
    return section(connections, answered, samples, pauses);
  } finally {
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
};

async function measure(
  lab: Lab,
  scraper: Peer,
  topologyFile: string,
  { name, establishedSeconds, intervalMs }: (typeof LOADS)[number],
  connections: number,
  rounds: number,
  progress: Progress,
): Promise<Sample> {
  await setEstablished(lab, establishedSeconds);
  const options = ['--topology', `file:${topologyFile}`, '--snapshot-interval', `${intervalMs}ms`];
  const renew = await startAgent(lab.node, [...options, '--status-listen', 'off', '--protect', 'renew']);
  const off = await startAgent(lab.node, [...options, '--status-listen', 'off']);
  const agents = { off, renew };
  progress(`${name}: until each entry was renewed once`);
  const read = async (agent: AgentProcess) => {
    const { body } = await scraper.httpGet({ url: `${agent.url}/metrics` });
    return {
      cpu: processCpu(agent.pid),
      rounds: metricSum(body, 'conntrack_watchdog_snapshots_total{result="complete"}'),
      // Of an agent that does not renew there are none.
      renewed: agent === renew ? metricSum(renewedOnly(body), 'conntrack_watchdog_renewals_total') : 0,
      protects: agent === renew ? metricSum(body, 'conntrack_watchdog_protected_connections') : 0,
    };
  };
  await until(async () => (await read(renew)).renewed >= connections);
  const before = { off: await read(off), renew: await read(renew) };
  if (before.renew.protects !== connections)
    throw new Error(`${before.renew.protects} of ${connections} connections are protected`);
  progress(`${name}: ${rounds} rounds of two agents`);
  await until(async () => (await read(renew)).rounds >= before.renew.rounds + rounds);
  const after = { off: await read(off), renew: await read(renew) };
  const perRound = (mode: 'off' | 'renew'): PerRound => {
    const taken = after[mode].rounds - before[mode].rounds;
    const { statMs, exactMs } = cpuBetween(before[mode].cpu, after[mode].cpu);
    return { rounds: taken, cpu: { statMs: statMs / taken, exactMs: exactMs / taken } };
  };
  const sample = {
    load: name,
    off: perRound('off'),
    renew: perRound('renew'),
    renewals: (after.renew.renewed - before.renew.renewed) / (after.renew.rounds - before.renew.rounds),
  };
  if (name === 'hurried') {
    progress('until each entry has time enough left');
    await setEstablished(lab, LONG_SECONDS);
    await until(
      async () =>
        (await read(renew)).renewed >= before.renew.renewed + rounds * sample.renewals + connections,
    );
  }
  for (const agent of Object.values(agents)) {
    const status = await agent.stop();
    if (status !== 0) throw new Error(`an agent ended with ${status}: ${agent.stderr().trim()}`);
  }
  return sample;
}

/** Of the renewals only those that were. */
function renewedOnly(body: string): string {
  return body.replaceAll(/^.*result="(?:changed|gone|failed)".*$/gm, '');
}

async function setEstablished(lab: Lab, seconds: number): Promise<void> {
  await sysctl(lab.node, 'net.netfilter.nf_conntrack_tcp_timeout_established', seconds);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('the agent does not renew the entries');
    await setTimeout(POLL_MS);
  }
}

function section(
  connections: number,
  answered: number,
  samples: readonly Sample[],
  { first, later, idle }: Pauses,
): Section {
  const ratioOf = ({ off, renew }: Sample) =>
    Math.max(renew.cpu.exactMs / off.cpu.exactMs, renew.cpu.statMs / off.cpu.statMs);
  const work = Math.max(first.longestWorkMs, ...later.map(({ longestWorkMs }) => longestWorkMs));
  return {
    id: 'j',
    title: `${count(connections)} open connections whose entries are renewed, and an agent beside that does not`,
    rows: [
      ['load', 'rounds', 'renewals a round', 'CPU ms a round, off', 'CPU ms a round, renew', 'ratio'],
      ...samples.map((sample) => [
        sample.load,
        count(sample.renew.rounds),
        count(Math.round(sample.renewals)),
        ms(sample.off.cpu.exactMs),
        ms(sample.renew.cpu.exactMs),
        plain(ratioOf(sample)),
      ]),
    ],
    notes: [
      'Both agents read the same table at the same interval in the same time; a round is a snapshot with sockets and audit.',
      'spread: an established timeout of 80 s, rounds every 4 s; hurried: 24 s and 3 s.',
      `Longest work in one turn of the event loop: first round ${ms(first.longestWorkMs)} ms, later ones up to ${ms(Math.max(...later.map((each) => each.longestWorkMs)))} ms;`,
      `wall pauses up to ${ms(Math.max(first.wallMs, ...later.map(({ wallMs }) => wallMs)))} ms, of an idle process meanwhile ${ms(Math.max(...idle.map(({ wallMs }) => wallMs)))} ms.`,
      `Afterwards ${count(answered)} of ${count(connections)} connections answered.`,
    ],
    verdicts: [
      judge('protectCpu', Math.max(...samples.map(ratioOf))),
      judge('protectPause', work),
      judge('protectLost', connections - answered),
    ],
    data: { samples, pauses: { first, later, idle }, answered },
  };
}
