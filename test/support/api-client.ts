import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';

const ANSWER_MS = 30_000;

/** The server said no. What it says is a metav1.Status, or should be. */
export class ApiRefusal extends Error {
  readonly code: number;
  readonly status: Readonly<Record<string, unknown>>;

  constructor(what: string, code: number, body: string) {
    super(`${what}: ${code} ${body.slice(0, 500)}`);
    this.name = 'ApiRefusal';
    this.code = code;
    this.status = parse(body) ?? {};
  }
}

export interface ClientCall {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: object | undefined;
  readonly contentType?: string;
}

/** One request to an API server, real or not; what it answers with. Rejects with an ApiRefusal. */
export async function callApi<T>(config: KubeConfig, call: ClientCall): Promise<T> {
  const { method, path, body, contentType = 'application/json' } = call;
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const asked = request(`${config.getCurrentCluster()!.server}${path}`, {
    ...options,
    method,
    headers: { ...trimmed(options.headers), 'content-type': contentType },
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  asked.end(body && JSON.stringify(body));
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const { statusCode = 0 } = answer;
  const got = await text(answer);
  if (statusCode < 200 || statusCode > 299) throw new ApiRefusal(`${method} ${path}`, statusCode, got);
  return parse(got) as T;
}

/** Tokens come with the newline of their file. */
function trimmed(headers: RequestOptions['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value).trim()]));
}

function parse(body: string) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
