import { Agent, request } from 'node:http';
import { endpointText } from '../../lib/endpoint-text.ts';
import type { ListenAddress } from '../../lib/listen-address.ts';

/** On the loopback interface an agent that is there answers within milliseconds. */
const ANSWER_MS = 2000;
const MOST_BYTES = 64 * 1024;
const LONGEST_IDLE_SECONDS = 365 * 86_400;
const PATH = '/api/v1/health';

/** What the agent of this node does; `problem`: why that is not known. */
export type AgentAnswer =
  | { readonly protect: 'off' }
  | { readonly protect: 'renew'; readonly maxIdleMs: number }
  | { readonly problem: string };

/** Asks the agent whether it renews entries. Never rejects, and takes two seconds at most. */
export async function askAgent(
  { host, port }: ListenAddress,
  stop: AbortSignal,
  answerMs = ANSWER_MS,
): Promise<AgentAnswer> {
  const url = `http://${endpointText(host === '' ? '127.0.0.1' : host, port)}${PATH}`;
  const late = AbortSignal.timeout(answerMs);
  try {
    const answer = answerOf(await get(url, AbortSignal.any([stop, late])));
    return 'problem' in answer ? { problem: `${url}: ${answer.problem}` } : answer;
  } catch (error) {
    const why = late.aborted ? `no answer within ${answerMs / 1000} s` : (error as Error).message;
    return { problem: `${url}: ${why}` };
  }
}

/** Whoever has the port may have written this: of all of it two values are read, and only if they make sense. */
function answerOf(text: string): AgentAnswer {
  let health: Record<string, unknown>;
  try {
    health = Object(JSON.parse(text));
  } catch {
    // What the parser says quotes the text.
    return { problem: 'its answer is no JSON' };
  }
  const { protect, protect_max_idle_seconds: maxIdle } = health;
  if (protect === 'off') return { protect };
  const isTime = typeof maxIdle === 'number' && maxIdle > 0 && maxIdle <= LONGEST_IDLE_SECONDS;
  if (protect === 'renew' && isTime) return { protect, maxIdleMs: maxIdle * 1000 };
  return { problem: 'it does not say whether it protects' };
}

/** No redirects, no proxy, and nothing left open. */
function get(url: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request(url, { agent: new Agent(), signal }, (response) => {
    response.on('error', reject);
    if (response.statusCode !== 200) {
      asked.destroy(new Error(`it answered with status ${response.statusCode}`));
      return;
    }
    const parts: Buffer[] = [];
    let size = 0;
    response.on('data', (part: Buffer) => {
      parts.push(part);
      size += part.length;
      if (size > MOST_BYTES) asked.destroy(new Error(`its answer is longer than ${MOST_BYTES / 1024} KiB`));
    });
    response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
  });
  asked.on('error', reject);
  asked.end();
  return promise;
}
