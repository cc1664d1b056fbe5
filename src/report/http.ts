import type { FastifyInstance } from 'fastify';
import type { ListenAddress } from '../lib/listen-address.ts';
import type { Exposition } from './exposition.ts';
import { type HttpServer, openHttpServer, plain } from './http-server.ts';
import { landingPage } from './landing-page.ts';

export interface HttpOptions {
  readonly listen: ListenAddress;
  readonly version: string;
  readonly metrics: { expose(accept: string | undefined): Promise<Exposition> };
  readonly readiness: { reasons(): readonly string[] };
  /** A request failed for a reason of ours; its client gets a 500. */
  readonly onError: (error: unknown) => void;
}

/**
 * Serves /metrics, /healthz, /readyz and a landing page.
 * @throws Error with one sentence on what is wrong with `listen`
 */
export function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { listen, onError } = options;
  return openHttpServer({
    listen,
    flag: '--listen',
    onError,
    addRoutes: (server) => addRoutes(server, options),
  });
}

function addRoutes(server: FastifyInstance, { version, metrics, readiness }: HttpOptions): void {
  const page = landingPage(version);
  server.get('/', async (_request, reply) => {
    return reply
      .header('content-security-policy', "default-src 'none'")
      .type('text/html; charset=utf-8')
      .send(page);
  });
  server.get('/metrics', async (request, reply) => {
    const { contentType, body } = await metrics.expose(request.headers.accept);
    return reply.headers({ 'content-type': contentType, vary: 'Accept' }).send(body);
  });
  server.get('/healthz', async (_request, reply) => plain(reply, 200, 'ok'));
  server.get('/readyz', async (_request, reply) => {
    const reasons = readiness.reasons();
    return reasons.length === 0 ? plain(reply, 200, 'ok') : plain(reply, 503, reasons.join('\n'));
  });
}
