/** The program a peer runs: does what the messages say. Not to be imported; peer.ts starts it. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { churn, connect, refused } from './peer-clients.ts';
import { PeerConnections } from './peer-connections.ts';
import {
  GOODBYE,
  type Params,
  type PeerCommand,
  type Request,
  type Response,
  type Result,
} from './peer-protocol.ts';

type Handlers = { readonly [C in PeerCommand]: (params: Params<C>) => Result<C> | Promise<Result<C>> };

const DONE = {};
const BACKLOG = 8192;
const connections = new PeerConnections();

const handlers: Handlers = {
  listen,
  async connect(params) {
    await connect(connections, params);
    return DONE;
  },
  send: ({ text = 'ping\n', ports }) => ({ sent: connections.send(text, ports) }),
  settle: ({ timeoutMs }) => connections.settle(timeoutMs),
  endAll() {
    connections.endAll();
    return DONE;
  },
  async abort() {
    await connections.abort();
    return DONE;
  },
  async closeAll({ timeoutMs = 2_000 }) {
    await connections.closeAll(timeoutMs);
    return DONE;
  },
  connections: () => connections.list(),
  counts: () => connections.counts.now(),
  waitFor: ({ timeoutMs = 5_000, ...least }) => connections.counts.atLeast(least, timeoutMs),
  churn,
  refused,
  httpGet,
};

async function listen({ host, port, keepaliveSeconds }: Params<'listen'>): Promise<Result<'listen'>> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.add(socket);
    if (keepaliveSeconds !== undefined) socket.setKeepAlive(true, keepaliveSeconds * 1000);
    socket.on('data', (bytes) => {
      if (socket.writableEnded) return; // After `endAll` there is nothing to answer with.
      if (bytes.length === GOODBYE.length && bytes.toString() === GOODBYE) socket.end(bytes);
      else socket.write(bytes);
    });
    socket.on('end', () => socket.end());
  });
  server.listen({ host, port, backlog: BACKLOG });
  await once(server, 'listening');
  return DONE;
}

async function httpGet({ url }: Params<'httpGet'>): Promise<Result<'httpGet'>> {
  const response = await fetch(url, { headers: { connection: 'close' } });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  };
}

async function answer({ id, command, params }: Request): Promise<Response> {
  try {
    return { id, result: await handlers[command](params as never) };
  } catch (error) {
    return { id, error: describe(error) };
  }
}

/** The message with what caused it: fetch says no more than "fetch failed" itself. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}

function send(response: Response): void {
  // The parent may go away at any moment; 'disconnect' follows then.
  process.send?.(response, undefined, undefined, () => {});
}

process.on('message', async (message) => send(await answer(message as Request)));
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => {}); // Ctrl-C reaches the whole process group; who made the lab decides.
send({ id: 0, result: DONE });
