/**
 * What a peer can be told, and what it answers. A peer is a server (`listen`) or a client (the other commands
 * that open connections). `send`, `settle`, `endAll`, `abort`, `closeAll`, `connections`, `counts` and `waitFor`
 * are about all the connections the peer has, whoever opened them: "the server speaks first" is `send` on the
 * server.
 */

/** Where to connect to. Source addresses are used in turn; without any the kernel chooses. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly count: number;
  /** How many are on their way at a time. */
  readonly concurrency?: number;
  readonly localAddresses?: readonly string[];
  /** SO_KEEPALIVE with this TCP_KEEPIDLE; without it the sockets send no probes. */
  readonly keepaliveSeconds?: number;
}

/**
 * What became of the last message on a connection: it was answered (something was received after it); the
 * connection was reset; it was closed without an answer (FIN, or an error other than a reset); or nothing.
 */
export type PeerOutcome = 'answered' | 'reset' | 'closed' | 'silent';

export interface Settled {
  readonly answered: number;
  readonly reset: number;
  readonly closed: number;
  readonly silent: number;
  /** One row for each connection that was sent on. */
  readonly details: readonly SettledConnection[];
}

export interface SettledConnection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly outcome: PeerOutcome;
  /** What the system said: `ECONNRESET`, or `EPIPE` when the other end had closed its half before. */
  readonly errorCode?: string;
}

/** A connection that is still there. */
export interface PeerConnection {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** `half_closed`: the other end sent FIN, this one did not. */
  readonly state: 'open' | 'half_closed';
  readonly bytesReceived: number;
}

/** Of all the connections the peer has had, how many are or ended so. */
export interface Counts {
  readonly total: number;
  readonly open: number;
  readonly halfClosed: number;
  readonly reset: number;
  readonly closed: number;
  readonly bytesReceived: number;
}

/** No parameters, or no result. */
export type Nothing = Readonly<Record<string, never>>;

/** Command, parameters, result. Parameters and results are plain JSON: they travel as messages. */
export interface PeerCommands {
  /** Echoes whatever comes, until the client closes. */
  listen: {
    params: { readonly host: string; readonly port: number; readonly keepaliveSeconds?: number };
    result: Nothing;
  };
  /** Opens connections and proves each with one echo, so that its entry is ASSURED. Fails if one of them does. */
  connect: { params: Target & { readonly timeoutMs?: number }; result: Nothing };
  /** One small message (one segment) on each open connection, or on those from these local ports. */
  send: {
    params: { readonly text?: string; readonly ports?: readonly number[] };
    result: { readonly sent: number };
  };
  /** Waits until each connection that was sent on was answered, reset or closed, or the time is over. */
  settle: { params: { readonly timeoutMs: number }; result: Settled };
  /** FIN on each open connection; receiving goes on (half close). */
  endAll: { params: Nothing; result: Nothing };
  /** RST on each connection. */
  abort: { params: Nothing; result: Nothing };
  /** FIN on each connection; waits until the other ends have closed too, and resets what is left after that. */
  closeAll: { params: { readonly timeoutMs?: number }; result: Nothing };
  connections: { params: Nothing; result: readonly PeerConnection[] };
  counts: { params: Nothing; result: Counts };
  /** Waits until each of these counts is reached. Fails, with the counts, when the time (default 5 s) is over. */
  waitFor: { params: Partial<Counts> & { readonly timeoutMs?: number }; result: Counts };
  /** Short connections one after the other: connect, send, receive, close. */
  churn: {
    params: Target & { readonly closeBy?: 'client' | 'server' };
    result: { readonly done: number; readonly failed: number; readonly firstError?: string };
  };
  /** Connects to a port where nobody listens. */
  refused: { params: Target; result: { readonly refused: number; readonly other: number } };
  httpGet: {
    params: { readonly url: string };
    result: {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    };
  };
}

export type PeerCommand = keyof PeerCommands;
export type Params<C extends PeerCommand> = PeerCommands[C]['params'];
export type Result<C extends PeerCommand> = PeerCommands[C]['result'];

export interface Request {
  readonly id: number;
  readonly command: PeerCommand;
  readonly params: unknown;
}

/** The peer's answer; `id` 0 says that it is ready. */
export type Response =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

/** A message the echo server answers by sending it back and closing first. */
export const GOODBYE = 'bye\n';
