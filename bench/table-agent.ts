import { type AgentProcess, startAgent } from '../src/lab/agent-process.ts';
import type { Lab } from '../src/lab/lab.ts';
import type { Peer } from '../src/lab/peer.ts';
import { metricSum } from './metric-sum.ts';

/** What the agent says of its last snapshot, and how many there were. */
export interface Snapshots {
  readonly complete: number;
  readonly flows: number;
  readonly durationMs: number;
}

/** The agent as users run it, but for the interval of its snapshots. */
export interface TableAgent {
  readonly pid: number;
  snapshots(): Promise<Snapshots>;
  end(): Promise<void>;
}

/** @param scraper a peer in the node's namespace, because only there the agent's metrics can be reached */
export async function startTableAgent(lab: Lab, scraper: Peer, intervalMs: number): Promise<TableAgent> {
  const agent: AgentProcess = await startAgent(lab.node, ['--snapshot-interval', `${intervalMs}ms`]);
  return {
    pid: agent.pid,
    async snapshots() {
      const { body } = await scraper.httpGet({ url: `${agent.url}/metrics` });
      return {
        complete: metricSum(body, 'conntrack_watchdog_snapshots_total{result="complete"}'),
        flows: metricSum(body, 'conntrack_watchdog_snapshot_flows'),
        durationMs: metricSum(body, 'conntrack_watchdog_snapshot_duration_seconds') * 1000,
      };
    },
    async end() {
      const status = await agent.stop();
      if (status !== 0) throw new Error(`the agent ended with ${status}: ${agent.stderr().trim()}`);
    },
  };
}
