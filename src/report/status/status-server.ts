import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ListenAddress } from '../../lib/listen-address.ts';
import { auditJson } from '../audit-json.ts';
import type { AuditReport } from '../audit-report.ts';
import { brokenLine } from '../broken-line.ts';
import { brokenSentence, type KernelSettings } from '../broken-sentence.ts';
import { type HttpServer, openHttpServer, plain } from '../http-server.ts';
import { safeJson } from '../safe-json.ts';
import type { Health } from './health.ts';
import { isOwnHost } from './host-check.ts';
import { createLiveUpdates, type LiveUpdates } from './live-updates.ts';
import { PATHS, statusPage } from './page.ts';
import type { RecentBreaks } from './recent-breaks.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/** Where the page and the JSON get what they show; asked when somebody looks, and only then. */
export interface StatusSource {
  readonly node: string;
  readonly breaks: RecentBreaks;
  /** The `limit` soonest; undefined before the first complete snapshot. */
  atRisk(limit: number): AuditReport | undefined;
  health(): Promise<Health>;
  isReady(): boolean;
  settings(): KernelSettings;
}

export interface StatusOptions {
  readonly listen: ListenAddress;
  readonly source: StatusSource;
  readonly onError: (error: unknown) => void;
}

export interface StatusServer extends HttpServer {
  /** Something is new: who has the page open is told. */
  announce(): void;
}

const PAGE_ROWS = 50;
const JSON_ROWS = 100;
/** Nothing from elsewhere, nothing inline, in nobody's frame: foreign text could not run even if it got through. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

/**
 * Serves the status page, the JSON behind it, and the stream that keeps it current.
 * @throws Error with one sentence on what is wrong with `listen`
 */
export async function startStatus({ listen, source, onError }: StatusOptions): Promise<StatusServer> {
  const updates = createLiveUpdates(() => ({
    broken_total: source.breaks.total,
    ready: source.isReady(),
  }));
  const http = await openHttpServer({
    listen,
    flag: '--status-listen',
    onError,
    addRoutes: (server) => addRoutes(server, source, updates),
  });
  return {
    ...http,
    announce: updates.announce,
    close: async () => {
      updates.close();
      await http.close();
    },
  };
}

async function addRoutes(server: FastifyInstance, source: StatusSource, updates: LiveUpdates): Promise<void> {
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS);
    if (isOwnHost(request.headers.host, source.node)) return;
    return plain(
      reply,
      403,
      'this name is not served here; use an address, localhost or the name of the node',
    );
  });
  server.get('/', async (request, reply) => {
    const limit = limitOf(request, PAGE_ROWS);
    if (typeof limit === 'string') return plain(reply, 400, limit);
    const page = statusPage({
      health: await source.health(),
      breaks: source.breaks.newest(limit),
      brokenTotal: source.breaks.total,
      atRisk: source.atRisk(limit),
      settings: source.settings(),
    });
    return reply.type('text/html; charset=utf-8').send(page);
  });
  server.get(PATHS.style, async (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE));
  server.get(PATHS.script, async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(SCRIPT),
  );
  server.get(PATHS.broken, async (request, reply) => {
    const limit = limitOf(request, JSON_ROWS);
    if (typeof limit === 'string') return problem(reply, 400, limit);
    return json(reply, safeJson(brokenDocument(source, limit)));
  });
  server.get(PATHS.atRisk, async (request, reply) => {
    const limit = limitOf(request, JSON_ROWS);
    if (typeof limit === 'string') return problem(reply, 400, limit);
    const report = source.atRisk(limit);
    if (!report) return problem(reply, 503, 'the conntrack table has not been read yet');
    return json(reply, [...auditJson(report)].join(''));
  });
  server.get(PATHS.health, async (_request, reply) => json(reply, safeJson(await source.health())));
  await updates.addRoute(server, PATHS.stream);
}

/** `connections`: like the log's lines, newest first, with `number`, counted since the agent started. */
function brokenDocument({ node, breaks, settings }: StatusSource, limit: number) {
  const sysctls = settings();
  return {
    node,
    broken_total: breaks.total,
    kept: breaks.kept,
    connections: breaks.newest(limit).map(({ number, pickup }) => ({
      number,
      ...brokenLine(pickup),
      msg: brokenSentence(pickup, sysctls),
    })),
  };
}

/** How many the query `limit` asks for, or what is wrong with it. */
function limitOf(request: FastifyRequest, usual: number): number | string {
  const { limit } = request.query as { limit?: string | string[] };
  if (limit === undefined) return usual;
  if (typeof limit === 'string' && /^[1-9]\d{0,8}$/.test(limit)) return Number(limit);
  return `limit ${JSON.stringify(limit)}: not a count; allowed is one whole number from 1 to 999999999`;
}

function json(reply: FastifyReply, text: string) {
  return reply.type('application/json; charset=utf-8').send(text);
}

function problem(reply: FastifyReply, status: number, error: string) {
  return reply.code(status).send({ error });
}
