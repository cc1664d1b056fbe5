/** What a peer does as a client: opens connections that stay, and connections that do not. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import type { PeerConnections } from './peer-connections.ts';
import { GOODBYE, type Params, type Result, type Target } from './peer-protocol.ts';

const HELLO = 'hello\n';
const CONNECT_TIMEOUT_MS = 20_000;

/** Opens the connections and proves each with an echo. Rejects with the first failure, when all are decided. */
export async function connect(connections: PeerConnections, params: Params<'connect'>): Promise<void> {
  const timeoutMs = params.timeoutMs ?? CONNECT_TIMEOUT_MS;
  const failures: Error[] = [];
  await inTurns(params, async (index) => {
    if (failures.length > 0) return;
    try {
      connections.add(await openProven(params, index, timeoutMs));
    } catch (error) {
      failures.push(error as Error);
    }
  });
  if (failures.length > 0)
    throw new Error(`connect to ${params.host} port ${params.port}: ${failures[0]!.message}`);
}

/** Short connections as fast as they go. A connection counts as done when its echo was seen. */
export async function churn(params: Params<'churn'>): Promise<Result<'churn'>> {
  const serverCloses = params.closeBy !== 'client';
  let done = 0;
  let firstError: string | undefined;
  await inTurns(params, (index) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = open(params, index, false);
    let echoed = false;
    socket.on('data', () => {
      echoed = true;
      if (!serverCloses) socket.end();
    });
    socket.on('error', ({ message }) => {
      firstError ??= message; // 'close' follows.
    });
    socket.on('close', (hadError) => {
      if (echoed && !hadError) done += 1;
      resolve();
    });
    socket.write(serverCloses ? GOODBYE : HELLO);
    return promise;
  });
  return { done, failed: params.count - done, ...(firstError !== undefined && { firstError }) };
}

/** Counts how many attempts are refused. */
export async function refused(params: Target): Promise<Result<'refused'>> {
  let count = 0;
  await inTurns(params, async (index) => {
    const socket = open(params, index, false);
    try {
      await once(socket, 'connect');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') count += 1;
    }
    socket.destroy();
  });
  return { refused: count, other: params.count - count };
}

async function openProven(params: Target, index: number, timeoutMs: number): Promise<Socket> {
  const socket = open(params, index, true);
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  if (params.keepaliveSeconds !== undefined) socket.setKeepAlive(true, params.keepaliveSeconds * 1000);
  socket.write(HELLO);
  await once(socket, 'data');
  socket.setTimeout(0);
  return socket;
}

function open({ host, port, localAddresses }: Target, index: number, allowHalfOpen: boolean): Socket {
  const localAddress = localAddresses?.[index % localAddresses.length];
  return connectTcp({
    host,
    port,
    allowHalfOpen,
    noDelay: true,
    keepAlive: false,
    ...(localAddress !== undefined && { localAddress }),
  });
}

/** Runs `task` for 0 to count - 1, a limited number at a time. */
async function inTurns(
  { count, concurrency = 256 }: Target,
  task: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}
