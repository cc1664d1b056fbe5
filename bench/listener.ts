import { once } from 'node:events';
import { startAgent } from '../src/lab/agent-process.ts';
import type { Lab } from '../src/lab/lab.ts';
import { spawnIn } from '../src/lab/namespace.ts';
import type { Peer } from '../src/lab/peer.ts';
import { eventQueue, untilListening } from './event-queue.ts';
import { metricSum } from './metric-sum.ts';

export const LISTENERS = ['agent', 'conntrack -E'] as const;
export type ListenerName = (typeof LISTENERS)[number];

/** What a listener has heard by its own account, and what the kernel says that it missed. */
export interface Heard {
  readonly events: number;
  /** The agent's own `events_lost_total`; conntrack -E has no such count. */
  readonly saysLost: number | undefined;
  /** Times conntrack -E warned of ENOBUFS. The agent has no such error. */
  readonly warnings: number | undefined;
  /** Column Drops of /proc/net/netlink: messages that found the listener's receive buffer full. */
  readonly drops: number;
}

/** A running process that listens to the conntrack events of the node. */
export interface Listener {
  readonly pid: number;
  end(): Promise<Heard>;
}

/** Resolves when it listens; it may still be busy with its start. */
export function startListener(
  name: ListenerName,
  lab: Lab,
  scraper: Peer,
  agentOptions: readonly string[] = [],
): Promise<Listener> {
  return name === 'agent' ? startAgentListener(lab, scraper, agentOptions) : startConntrack(lab);
}

/** @param scraper a peer in the node's namespace, because only there the agent's metrics can be reached */
async function startAgentListener(lab: Lab, scraper: Peer, options: readonly string[]): Promise<Listener> {
  const agent = await startAgent(lab.node, options);
  return {
    pid: agent.pid,
    async end() {
      const { body } = await scraper.httpGet({ url: `${agent.url}/metrics` });
      const drops = dropsOf(agent.pid);
      const status = await agent.stop();
      if (status !== 0) throw new Error(`the agent ended with ${status}: ${agent.stderr().trim()}`);
      return {
        events: metricSum(body, 'conntrack_watchdog_events_total'),
        saysLost: metricSum(body, 'conntrack_watchdog_events_lost_total'),
        warnings: undefined,
        drops,
      };
    },
  };
}

/** `conntrack -E >/dev/null` with its own defaults. */
async function startConntrack(lab: Lab): Promise<Listener> {
  const child = spawnIn(lab.node, 'conntrack', ['-E'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = once(child, 'close');
  const pid = child.pid;
  if (pid === undefined) throw new Error('conntrack -E could not be started');
  await untilListening(pid);
  return {
    pid,
    async end() {
      const drops = dropsOf(pid);
      child.kill('SIGINT');
      await closed;
      const shown = /: (\d+) flow events have been shown/.exec(stderr)?.[1];
      if (shown === undefined) throw new Error(`conntrack -E did not end in order: ${stderr.slice(-300)}`);
      const warnings = stderr.split('hit ENOBUFS').length - 1;
      return { events: Number(shown), saysLost: undefined, warnings, drops };
    },
  };
}

function dropsOf(pid: number): number {
  const queue = eventQueue(pid);
  if (queue === undefined) throw new Error(`process ${pid} no longer listens to conntrack`);
  return queue.drops;
}
