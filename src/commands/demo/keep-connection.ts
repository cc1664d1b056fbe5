import { setTimeout } from 'node:timers/promises';
import type { Lab } from '../../lab/lab.ts';
import { startPeer } from '../../lab/peer.ts';
import { createKeptStory, type TimeLeft } from './kept-story.ts';
import type { Narrator } from './narrator.ts';
import { ANSWER_MS, CONNECTIONS, setStage } from './stage.ts';

/** Room for a machine that is busy: the agent begins to renew when 4 s are left, and looks more than once a second. */
export const KEEPING_SECONDS = 6;
/** So much longer that an entry must have been renewed more than once to live on. */
const IDLE_MS = 10_000;
const RENEWALS = 'renewals_total';

/** The same connections with an agent that renews their entries: they live. Returns the exit status. */
export async function keepConnection(
  lab: Lab,
  folder: string,
  narrator: Narrator,
  rules: string,
  stop: AbortSignal,
): Promise<number> {
  const story = createKeptStory(narrator);
  const stage = await setStage(lab, folder, ['--protect', 'renew']);
  story.introduce(lab, rules, KEEPING_SECONDS);
  const client = await startPeer(lab.clients[0]!);
  const before = await stage.series(RENEWALS);
  story.begin();
  await client.connect({ host: lab.service.ip, port: lab.service.port, count: CONNECTIONS });
  const connectedAtMs = performance.now();
  const connections = await client.connections();
  story.connected(connections);
  const ports = connections.map(({ localPort }) => localPort);
  story.listed(timesLeft(await lab.conntrackList(), ports));
  const audit = await stage.audit();
  story.audited(audit, await stage.audit('--protect', 'off'));
  await setTimeout(connectedAtMs + IDLE_MS - performance.now(), undefined, { signal: stop });
  story.idled(IDLE_MS, KEEPING_SECONDS);
  story.listed(timesLeft(await lab.conntrackList(), ports));
  await client.send();
  const { details, answered } = await client.settle({ timeoutMs: ANSWER_MS });
  story.sent(details);
  const port = ports[0]!;
  story.kernel(
    port,
    stage.kernelLines.filter((line) => line.includes(`sport=${port} `)),
  );
  story.metric(RENEWALS, before, await stage.series(RENEWALS));
  story.without(KEEPING_SECONDS, await stage.series('broken_connections_total'));
  const status = await stage.agent.stop();
  if (answered < CONNECTIONS || audit.protected_connections !== CONNECTIONS) {
    throw new Error(
      `${answered} of ${CONNECTIONS} connections were answered, ${audit.protected_connections ?? 0} were protected: is this machine too busy for an agent?`,
    );
  }
  story.end(status);
  return status === 0 ? 0 : 1;
}

/** Of the text of `conntrack -L`: the third word is what is left, in seconds. */
function timesLeft(list: string, ports: readonly number[]): readonly TimeLeft[] {
  return ports.map((port) => {
    const line = list.split('\n').find((text) => text.includes(` sport=${port} `));
    const seconds = /^tcp +6 +(\d+) ESTABLISHED /.exec(line ?? '')?.[1];
    return { port, seconds: seconds === undefined ? undefined : Number(seconds) };
  });
}
