import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { OptionsOf } from '../config/parse.ts';
import { type AgentProcess, type LogLine, NODE_OPTIONS, PROGRAM, startAgent } from '../lab/agent-process.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { exec, spawnIn } from '../lab/namespace.ts';
import { type Peer, startPeer } from '../lab/peer.ts';
import { missingPrerequisites } from '../lab/prerequisites.ts';
import { startServers } from '../lab/servers.ts';
import { type AuditDocument, createStory, type Story } from './demo/story.ts';
import { demoTopology } from './demo/topology.ts';

/** The entry's timeout in the demo's node; in a cluster it is hours or days. */
const ESTABLISHED_SECONDS = 3;
const IDLE_MS = 3500;
/** Half of the re-picks go to the old backend and live on; with three at a time one is enough as a rule. */
const CONNECTIONS = 3;
const MAX_ROUNDS = 8;
const ANSWER_MS = 3000;

/**
 * Reproduces the failure on the real kernel and shows that the real agent finds it. Returns the exit status.
 * Whatever happens, also on a signal, the namespaces are removed.
 */
export async function runDemo(options: OptionsOf<'demo'>, stop: AbortSignal): Promise<number> {
  const missing = missingPrerequisites();
  if (missing.length > 0) throw new Error(`the demo cannot run here: ${missing.join(' ')}`);
  const { family, rules } = options;
  const color = options.color && process.stdout.isTTY;
  const story = createStory((text) => process.stdout.write(`${text}\n`), color);
  const lab = await createLab({
    family,
    rules,
    backends: 2,
    timeouts: { established: ESTABLISHED_SECONDS },
  });
  const folder = mkdtempSync(join(tmpdir(), 'conntrack-watchdog-demo-'));
  try {
    return await Promise.race([tell(lab, folder, story, rules), stopped(stop)]);
  } finally {
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rejects when the signal comes, or has come. */
async function stopped(stop: AbortSignal): Promise<never> {
  if (!stop.aborted) await once(stop, 'abort');
  throw new Error(`stopped by ${stop.reason}; everything the demo made is removed`);
}

interface Cast {
  readonly lab: Lab;
  readonly story: Story;
  readonly agent: AgentProcess;
  /** The options that name this cluster, for the command audit. */
  readonly names: readonly string[];
  /** In the node's namespace, to read the agent's metrics. */
  readonly scraper: Peer;
  /** Lines of `conntrack -E` so far. */
  readonly kernelLines: readonly string[];
}

async function tell(lab: Lab, folder: string, story: Story, rules: string): Promise<number> {
  const topologyFile = join(folder, 'cluster.json');
  writeFileSync(topologyFile, JSON.stringify(demoTopology(lab)));
  const kernelLines = watchKernel(lab);
  const names = ['--node-name', 'demo-node', '--topology', `file:${topologyFile}`];
  const [agent, scraper] = await Promise.all([
    startAgent(lab.node, [...names, '--confirm-window', '500ms']),
    startPeer(lab.node),
    startServers(lab),
  ]);
  story.introduce(lab, rules, ESTABLISHED_SECONDS);
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    if (await breakOne({ lab, story, agent, names, scraper, kernelLines }, round)) {
      const status = await agent.stop();
      story.end(status);
      return status === 0 ? 0 : 1;
    }
  }
  throw new Error(`${MAX_ROUNDS} times in a row the same backend was picked; run the demo again`);
}

/** One connection's life. True if it broke; else its packet happened to reach the old backend. */
async function breakOne(
  { lab, story, agent, names, scraper, kernelLines }: Cast,
  round: number,
): Promise<boolean> {
  const client = await startPeer(lab.clients[0]!);
  const before = await brokenSeries(scraper, agent);
  const firstKernelLine = kernelLines.length;
  story.begin(round);
  await client.connect({ host: lab.service.ip, port: lab.service.port, count: CONNECTIONS });
  const connectedAtMs = performance.now();
  story.connected(await client.connections());
  if (round === 1) story.atRisk(await audit(lab, names));
  await new Promise((resolve) => setTimeout(resolve, connectedAtMs + IDLE_MS - performance.now()));
  story.idled(IDLE_MS);
  await client.send();
  const seen = await client.settle({ timeoutMs: ANSWER_MS });
  story.sent(seen.details);
  const unlucky = seen.details.find(({ outcome }) => outcome !== 'answered');
  if (!unlucky) {
    story.luck();
    await client.stop();
    return false;
  }
  const port = unlucky.localPort;
  const isOurs = (line: LogLine) => (line['client'] as { port?: number } | undefined)?.port === port;
  const line = await agent.waitFor((each) => each.event === 'connection_broken' && isOurs(each));
  const ours = kernelLines.slice(firstKernelLine).filter((text) => text.includes(`sport=${port} `));
  story.kernel(unlucky, ours);
  story.agent(line);
  story.metric(before, await brokenSeries(scraper, agent));
  await client.stop();
  return true;
}

/** The command audit, on the node. */
async function audit(lab: Lab, names: readonly string[]): Promise<AuditDocument> {
  const args = [...NODE_OPTIONS, PROGRAM, 'audit', '--json', ...names];
  return JSON.parse(await exec(lab.node, process.execPath, args)) as AuditDocument;
}

/** The series of `broken_connections_total`, `{labels}` to value. */
async function brokenSeries(scraper: Peer, agent: AgentProcess): Promise<ReadonlyMap<string, number>> {
  const { body } = await scraper.httpGet({ url: `${agent.url}/metrics` });
  const series = body.matchAll(/^conntrack_watchdog_broken_connections_total(\{.*\}) (\d+)$/gm);
  return new Map([...series].map(([, labels, value]) => [labels!, Number(value)]));
}

/** The kernel's own words, by conntrack-tools: an independent witness. */
function watchKernel(lab: Lab): readonly string[] {
  const lines: string[] = [];
  const args = ['-E', '-p', 'tcp', '-o', 'timestamp,id', '-f', lab.family === 4 ? 'ipv4' : 'ipv6'];
  const child = spawnIn(lab.node, 'conntrack', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
  return lines;
}
