import { setTimeout } from 'node:timers/promises';
import type { LogLine } from '../../lab/agent-process.ts';
import type { Lab } from '../../lab/lab.ts';
import { startPeer } from '../../lab/peer.ts';
import type { Narrator } from './narrator.ts';
import { ANSWER_MS, CONNECTIONS, type Stage, setStage } from './stage.ts';
import { createStory, type Story } from './story.ts';

/** The entry's timeout in the demo's node; in a cluster it is hours or days. */
export const BREAKING_SECONDS = 3;
const IDLE_MS = 3500;
/** Half of the re-picks go to the old backend and live on; with three at a time one is enough as a rule. */
const MAX_ROUNDS = 8;

/** A connection loses its entry, and the agent finds it. Returns the exit status. */
export async function breakConnection(
  lab: Lab,
  folder: string,
  narrator: Narrator,
  rules: string,
  stop: AbortSignal,
): Promise<number> {
  const story = createStory(narrator);
  const stage = await setStage(lab, folder, ['--confirm-window', '500ms']);
  story.introduce(lab, rules, BREAKING_SECONDS);
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    if (await breakOne(stage, story, round, stop)) {
      const status = await stage.agent.stop();
      story.end(status);
      return status === 0 ? 0 : 1;
    }
  }
  throw new Error(`${MAX_ROUNDS} times in a row the same backend was picked; run the demo again`);
}

/** One connection's life. True if it broke; else its packet happened to reach the old backend. */
async function breakOne(stage: Stage, story: Story, round: number, stop: AbortSignal): Promise<boolean> {
  const { lab, agent, kernelLines } = stage;
  const client = await startPeer(lab.clients[0]!);
  const before = await stage.series('broken_connections_total');
  const firstKernelLine = kernelLines.length;
  story.begin(round);
  await client.connect({ host: lab.service.ip, port: lab.service.port, count: CONNECTIONS });
  const connectedAtMs = performance.now();
  story.connected(await client.connections());
  if (round === 1) story.atRisk(await stage.audit());
  await setTimeout(connectedAtMs + IDLE_MS - performance.now(), undefined, { signal: stop });
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
  story.metric(before, await stage.series('broken_connections_total'));
  await client.stop();
  return true;
}
