import { extname, join } from 'node:path';
import { type Namespace, spawnIn } from './namespace.ts';
import type { Nothing, Params, PeerCommand, Request, Response, Result } from './peer-protocol.ts';
import { ended } from './run-command.ts';

/** Parameters may be left out where none is required. */
type Arguments<C extends PeerCommand> =
  Params<C> extends Nothing ? [] : object extends Params<C> ? [Params<C>?] : [Params<C>];

/** A process that makes TCP traffic inside a namespace. One method per command, see peer-protocol.ts. */
export type Peer = {
  readonly [C in PeerCommand]: (...params: Arguments<C>) => Promise<Result<C>>;
} & {
  readonly pid: number;
  /** Kills the peer; its kernel closes or resets what it had open. Closing the lab does the same. */
  stop(): Promise<void>;
};

const COMMANDS: Readonly<Record<PeerCommand, true>> = {
  listen: true,
  connect: true,
  send: true,
  settle: true,
  endAll: true,
  abort: true,
  closeAll: true,
  connections: true,
  counts: true,
  waitFor: true,
  churn: true,
  refused: true,
  httpGet: true,
};

// `.js` when the program has been bundled: the peer is an entry point of its own then.
const PROGRAM = join(import.meta.dirname, `peer-process${extname(import.meta.filename)}`);

/** Starts a peer in the namespace. It ends by itself when this process does, however that happens. */
export async function startPeer(namespace: Namespace): Promise<Peer> {
  const child = spawnIn(namespace, process.execPath, [PROGRAM], {
    // What a peer prints is a crash report; the channel survives `ip netns exec`.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const fail = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  child.on('error', fail);
  child.once('exit', (code, signal) =>
    fail(new Error(`the peer in ${namespace.name} ended: ${signal ?? `exit code ${code}`}`)),
  );
  child.on('message', (message) => {
    const response = message as Response;
    const request = waiting.get(response.id);
    waiting.delete(response.id);
    if ('error' in response) request?.reject(new Error(`peer in ${namespace.name}: ${response.error}`));
    else request?.resolve(response.result);
  });
  const expect = (id: number) => {
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    return answer.promise;
  };
  await expect(0); // It says so when it is ready.

  let lastId = 0;
  const call = (command: PeerCommand, params: unknown = {}) => {
    if (!child.connected) return Promise.reject(new Error(`the peer in ${namespace.name} is gone`));
    lastId += 1;
    child.send({ id: lastId, command, params } satisfies Request);
    return expect(lastId);
  };
  const commands = Object.keys(COMMANDS) as PeerCommand[];
  const methods = Object.fromEntries(
    commands.map((command) => [command, (params?: unknown) => call(command, params)]),
  );
  const stop = async () => {
    child.kill('SIGKILL');
    await ended(child);
  };
  return { ...methods, pid: child.pid!, stop } as unknown as Peer;
}
