import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { Agent, type RequestOptions, request as requestSecure } from 'node:https';

export type { IncomingMessage, RequestOptions };

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: no body. */
  readonly body: string | undefined;
  /** What TLS and proxies take: `ca`, `cert`, `key`, `servername`, `agent`, as the Kubernetes client fills it. */
  readonly connection: RequestOptions;
  /** Ends the connection too, whatever has come by then. */
  readonly signal: AbortSignal;
}

/** As client-go; below the idle limit of every load balancer known (AWS: 60 s). */
const KEEPALIVE_MS = 30_000;
/** A connection is kept this long for the next page of a list, and no longer: servers close idle ones. */
const IDLE_MS = 2_000;

/**
 * Connections are shared by requests with the same address and the same certificates only (Agent.getName in Node's
 * lib/https.js), so that changed files count from the next request on.
 */
const connections = new Agent({ keepAlive: true, keepAliveMsecs: KEEPALIVE_MS, timeout: IDLE_MS });

/** Resolves with an answer's head. Rejects if there is none. */
export async function sendHttp(options: HttpRequest): Promise<IncomingMessage> {
  const { method, url, headers, body, connection, signal } = options;
  const isSecure = url.protocol === 'https:';
  const open = isSecure ? requestSecure : requestPlain;
  const request: ClientRequest = open(url, {
    ...(isSecure && { agent: connections }),
    ...connection,
    method,
    headers: { ...connection.headers, ...headers },
    signal,
  });
  request.on('socket', (socket) => socket.setKeepAlive(true, KEEPALIVE_MS));
  // An error after the head would end the process if nobody listened; the reader of the body is told of it too.
  request.on('error', () => {});
  request.end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}
