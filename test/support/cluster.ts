import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type AgentProcess, type AgentProgram, startAgent } from '../../src/lab/agent-process.ts';
import type { Lab, LabOptions } from '../../src/lab/lab.ts';
import { type Peer, startPeer } from '../../src/lab/peer.ts';
import { missingPrerequisites } from '../../src/lab/prerequisites.ts';
import { startServers } from '../../src/lab/servers.ts';
import { createTestLab } from './leaks.ts';
import { parseSamples, type Samples } from './samples.ts';

const missing = missingPrerequisites().join(' ');
/** Why kernel tests are left out, false to run them. With CI=true they run, and fail. */
export const skip: string | false = missing !== '' && process.env['CI'] !== 'true' ? missing : false;

/** Both families, both ways kube-proxy writes rules. */
export const KINDS = ([4, 6] as const).flatMap((family) =>
  (['iptables', 'nftables'] as const).map((rules) => ({ family, rules, name: `IPv${family}, ${rules}` })),
);

export interface Cluster {
  readonly lab: Lab;
  readonly servers: readonly Peer[];
  readonly client: Peer;
  readonly target: { readonly host: string; readonly port: number };
  /** On the node; reads the agent's HTTP. */
  readonly node: Peer;
  startAgent(options?: readonly string[], program?: AgentProgram): Promise<Agent>;
}

export interface Agent extends AgentProcess {
  get(path: string): ReturnType<Peer['httpGet']>;
  samples(): Promise<Samples>;
  /** Scrapes until the condition holds; fails with what was scraped last. */
  until(holds: (samples: Samples) => boolean, what: string, timeoutMs?: number): Promise<Samples>;
}

/** A lab with echo servers and peers, closed when the test ends; closing must leave nothing behind. */
export async function createCluster(t: TestContext, options: Partial<LabOptions> = {}): Promise<Cluster> {
  const lab = await createTestLab(t, { family: 4, rules: 'iptables', backends: 3, ...options });
  const [servers, client, node] = await Promise.all([
    startServers(lab),
    startPeer(lab.clients[0]!),
    startPeer(lab.node),
  ]);
  const target = { host: lab.service.ip, port: lab.service.port };
  return {
    lab,
    servers,
    client,
    node,
    target,
    startAgent: (args, program) => agentOn(lab, node, args, program),
  };
}

async function agentOn(
  lab: Lab,
  node: Peer,
  args: readonly string[] = [],
  program?: AgentProgram,
): Promise<Agent> {
  const agent = await startAgent(lab.node, ['--node-name', 'node-1', ...args], program);
  const get = (path: string) => node.httpGet({ url: `${agent.url}${path}` });
  const samples = async () => parseSamples((await get('/metrics')).body);
  return {
    ...agent,
    get,
    samples,
    async until(holds, what, timeoutMs = 15_000) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const now = await samples();
        if (holds(now)) return now;
        if (performance.now() > deadline) assert.fail(`never ${what}; last scrape:\n${now.text()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

/** Several at once, for tests that would otherwise wait for the same thing one after another. */
export async function createClusters(
  t: TestContext,
  all: readonly Partial<LabOptions>[],
): Promise<readonly Cluster[]> {
  return await Promise.all(all.map((options) => createCluster(t, options)));
}

/** Sends once on every open connection; what the sockets saw. */
export async function sendOnAll(client: Peer, timeoutMs = 10_000) {
  await client.send();
  return await client.settle({ timeoutMs });
}

/**
 * Breaks connections for sure: opened to the first server, flushed, and re-picked to the second. The lab has to have
 * two. Returns when the flush was, by performance.now().
 */
export async function breakByFlush({ lab, client, target }: Cluster, count: number): Promise<number> {
  await lab.setBackends([lab.servers[0]!]);
  await client.connect({ ...target, count });
  await lab.setBackends([lab.servers[1]!]);
  const at = performance.now();
  await lab.flush();
  assert.equal((await sendOnAll(client)).reset, count);
  await client.closeAll();
  return at;
}
