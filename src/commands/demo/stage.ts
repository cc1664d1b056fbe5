import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type AgentProcess, NODE_OPTIONS, PROGRAM, startAgent } from '../../lab/agent-process.ts';
import type { Lab } from '../../lab/lab.ts';
import { exec, spawnIn } from '../../lab/namespace.ts';
import { type Peer, startPeer } from '../../lab/peer.ts';
import { startServers } from '../../lab/servers.ts';
import type { AuditDocument, SeriesValues } from './scenes.ts';
import { demoTopology } from './topology.ts';

/** Connections of the client in each story. */
export const CONNECTIONS = 3;
export const ANSWER_MS = 3000;

/** What a story is played with. */
export interface Stage {
  readonly lab: Lab;
  readonly agent: AgentProcess;
  /** Lines of `conntrack -E` so far. */
  readonly kernelLines: readonly string[];
  /** The command audit, on the node. */
  audit(...options: readonly string[]): Promise<AuditDocument>;
  /** What the agent's /metrics says of one metric. */
  series(name: string): Promise<SeriesValues>;
}

/** Starts servers, agent and witness; all of them end with the lab. */
export async function setStage(lab: Lab, folder: string, agentOptions: readonly string[]): Promise<Stage> {
  const topologyFile = join(folder, 'cluster.json');
  writeFileSync(topologyFile, JSON.stringify(demoTopology(lab)));
  const names = ['--node-name', 'demo-node', '--topology', `file:${topologyFile}`];
  const kernelLines = watchKernel(lab);
  const [agent, scraper] = await Promise.all([
    startAgent(lab.node, [...names, ...agentOptions]),
    startPeer(lab.node),
    startServers(lab),
  ]);
  return {
    lab,
    agent,
    kernelLines,
    async audit(...options) {
      const args = [...NODE_OPTIONS, PROGRAM, 'audit', '--json', ...names, ...options];
      return JSON.parse(await exec(lab.node, process.execPath, args)) as AuditDocument;
    },
    series: (name) => seriesOf(scraper, agent, name),
  };
}

async function seriesOf(scraper: Peer, agent: AgentProcess, name: string): Promise<SeriesValues> {
  const { body } = await scraper.httpGet({ url: `${agent.url}/metrics` });
  const series = body.matchAll(new RegExp(`^conntrack_watchdog_${name}(\\{.*\\}) (\\d+)$`, 'gm'));
  return new Map([...series].map(([, labels, value]) => [labels!, Number(value)]));
}

/** The kernel's own words, by conntrack-tools: an independent witness. What a program did is marked as such. */
function watchKernel(lab: Lab): readonly string[] {
  const lines: string[] = [];
  const family = lab.family === 4 ? 'ipv4' : 'ipv6';
  const args = ['-E', '-p', 'tcp', '-o', 'timestamp,id,userspace', '-f', family];
  const child = spawnIn(lab.node, 'conntrack', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
  return lines;
}
