import { fastifySSE } from '@fastify/sse';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** A browser opens one for each page; each holds a connection. */
const MAX_READERS = 16;
/** However much happens, readers are told so often at most. */
const GAP_MS = 1000;
const HEARTBEAT_MS = 4000;
/** A reader that leaves this much unread has gone away without saying so. */
const MAX_UNREAD_BYTES = 65_536;

/** What `GET /api/v1/stream` tells: that something is new, and the totals to see whether it matters. */
export interface LiveTotals {
  readonly broken_total: number;
  readonly ready: boolean;
}

export interface LiveUpdates {
  /** Something on the page is new. Readers are told now, or a little later if they just were. */
  announce(): void;
  /** Adds the route of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
  addRoute(server: FastifyInstance, path: string): Promise<void>;
  close(): void;
}

export function createLiveUpdates(totals: () => LiveTotals): LiveUpdates {
  const readers = new Set<FastifyReply>();
  let timer: NodeJS.Timeout | undefined;
  let isNews = false;

  const tell = () => {
    timer = undefined;
    if (!isNews) return;
    isNews = false;
    const message = { event: 'changed', data: totals() };
    for (const reader of readers) {
      if (reader.raw.writableLength > MAX_UNREAD_BYTES) reader.raw.destroy();
      else reader.sse.send(message).catch(() => reader.raw.destroy());
    }
    timer = setTimeout(tell, GAP_MS);
  };

  return {
    announce() {
      isNews = true;
      // Not now: who announces is in the middle of something else.
      if (readers.size > 0) timer ??= setTimeout(tell, 0);
    },
    async addRoute(server, path) {
      // Often enough for the server's own time limit on silent connections.
      await server.register(fastifySSE, { heartbeatInterval: HEARTBEAT_MS });
      server.get(path, { sse: 'only', exposeHeadRoute: false }, async (_request, reply) => {
        if (readers.size >= MAX_READERS) {
          return reply
            .code(503)
            .header('retry-after', '30')
            .send({ error: `${MAX_READERS} readers are being told already` });
        }
        readers.add(reply);
        reply.sse.onClose(() => readers.delete(reply));
        reply.sse.keepAlive();
        await reply.sse.send({ event: 'changed', data: totals(), retry: 5000 });
      });
    },
    close() {
      clearTimeout(timer);
      for (const reader of readers) reader.sse.close();
    },
  };
}
