import type { AddressInfo } from 'node:net';
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { endpointText } from '../lib/endpoint-text.ts';
import { formatListenAddress, type ListenAddress } from '../lib/listen-address.ts';

export interface HttpServer {
  /** Where it really listens; with port 0 this is the only place that says. */
  readonly url: string;
  readonly port: number;
  /** Ends all connections at once, also those kept alive or in the middle of a request. */
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly listen: ListenAddress;
  /** The option that says where, for the message when that cannot be. */
  readonly flag: `--${string}`;
  /** A request failed for a reason of ours; its client gets a 500. */
  readonly onError: (error: unknown) => void;
  readonly addRoutes: (server: FastifyInstance) => Promise<void> | void;
}

/** Long enough for a scrape over a slow line, short enough that forgotten clients do not pile up. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;

/**
 * A server that only answers GET and HEAD, in bounds of time and number, and gives nothing away.
 * @throws Error with one sentence on what is wrong with `listen`
 */
export async function openHttpServer({
  listen,
  flag,
  onError,
  addRoutes,
}: ServerOptions): Promise<HttpServer> {
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 1024,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { connectionsCheckingInterval: REQUEST_TIMEOUT_MS },
    // What cannot be routed at all, such as a URL that does not decode.
    frameworkErrors: ({ statusCode = 400, message }, _request, reply) => plain(reply, statusCode, message),
  });
  // Readers need a few; each costs a file descriptor and memory, and anybody who reaches the port can open one.
  server.server.maxConnections = MAX_CONNECTIONS;
  // Before any routing and before a body is read.
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return plain(reply.header('allow', 'GET, HEAD'), 405, 'only GET and HEAD are served here');
    }
  });
  server.setNotFoundHandler(async (_request, reply) => plain(reply, 404, 'not found; / lists what is here'));
  server.setErrorHandler<FastifyError>(async (error, _request, reply) => {
    const { statusCode = 500, message } = error;
    if (statusCode < 500) return plain(reply, statusCode, message);
    onError(error);
    return plain(reply, 500, 'an error on our side; the log says more');
  });
  await addRoutes(server);
  const port = await listenOn(server, listen, flag);
  const host = listen.host === '' ? 'localhost' : listen.host;
  return { url: `http://${endpointText(host, port)}`, port, close: () => server.close() };
}

export function plain(reply: FastifyReply, status: number, text: string) {
  return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`);
}

/** Returns the port. An empty host is every address: of both families, or of IPv4 where there is no IPv6. */
async function listenOn(
  server: FastifyInstance,
  { host, port }: ListenAddress,
  flag: string,
): Promise<number> {
  try {
    await server.listen({ host: host === '' ? '::' : host, port });
  } catch (error) {
    if (host === '' && codeOf(error) === 'EAFNOSUPPORT') {
      return listenOn(server, { host: '0.0.0.0', port }, flag);
    }
    await server.close();
    throw listenError({ host, port }, flag, error);
  }
  return (server.server.address() as AddressInfo).port;
}

function listenError(address: ListenAddress, flag: string, cause: unknown): Error {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'the address is in use',
    EACCES: 'not permitted; ports below 1024 need the capability NET_BIND_SERVICE',
    EADDRNOTAVAIL: 'this machine has no such address',
    EAFNOSUPPORT: 'this machine does not have this kind of address',
  };
  const reason = reasons[codeOf(cause) ?? ''] ?? String(cause);
  return new Error(`${flag} ${formatListenAddress(address)}: ${reason}`, { cause });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
