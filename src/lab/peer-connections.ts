import type { Socket } from 'node:net';
import { PeerCounts } from './peer-counts.ts';
import type { PeerConnection, PeerOutcome, Settled, SettledConnection } from './peer-protocol.ts';

/** The system's words for "the other end sent RST". EPIPE: it had sent FIN before. */
const RESET_CODES: readonly (string | undefined)[] = ['ECONNRESET', 'EPIPE'];
const PROBE_MS = 20;

/** One connection and what became of the last message on it. */
interface Connection {
  readonly socket: Socket;
  readonly at: Omit<PeerConnection, 'state' | 'bytesReceived'>;
  halfClosed: boolean;
  bytesReceived: number;
  outcome: PeerOutcome;
  errorCode: string | undefined;
  /** Set while a message has had no outcome. */
  decided: (() => void) | undefined;
}

/** The connections of a peer. Needs sockets with allowHalfOpen; answering is left to who adds them. */
export class PeerConnections {
  readonly counts = new PeerCounts();
  readonly #living = new Set<Connection>();
  #sentOn: readonly Connection[] = [];

  /** Takes a connected socket in. */
  add(socket: Socket): void {
    const { localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 } = socket;
    const connection: Connection = {
      socket,
      at: { localAddress, localPort, remoteAddress, remotePort },
      halfClosed: false,
      bytesReceived: 0,
      outcome: 'silent',
      errorCode: undefined,
      decided: undefined,
    };
    this.#living.add(connection);
    this.counts.change({ total: 1, open: 1 });
    socket.on('data', (bytes) => {
      connection.bytesReceived += bytes.length;
      this.counts.change({ bytesReceived: bytes.length });
      decide(connection, 'answered');
    });
    socket.on('end', () => {
      connection.halfClosed = true;
      this.counts.change({ open: -1, halfClosed: 1 });
      decide(connection, 'closed');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      connection.errorCode = error.code;
    });
    socket.on('close', () => {
      this.#living.delete(connection);
      const reset = RESET_CODES.includes(connection.errorCode);
      this.counts.change({
        [connection.halfClosed ? 'halfClosed' : 'open']: -1,
        [reset ? 'reset' : 'closed']: 1,
      });
      decide(connection, reset ? 'reset' : 'closed');
    });
  }

  /** Sends on every connection that can be sent on, or on those of these local ports; what was sent before is forgotten. */
  send(text: string, ports?: readonly number[]): number {
    for (const old of this.#sentOn) old.decided = undefined;
    this.#sentOn = [...this.#living].filter(
      ({ socket, at }) => socket.writable && (ports?.includes(at.localPort) ?? true),
    );
    for (const connection of this.#sentOn) {
      connection.outcome = 'silent';
      connection.decided = () => {};
      connection.socket.write(text);
    }
    return this.#sentOn.length;
  }

  /** Resolves when every message has its outcome, or the time is over. */
  async settle(timeoutMs: number): Promise<Settled> {
    const open = this.#sentOn.filter((connection) => connection.decided !== undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = open.length;
    for (const connection of open) {
      connection.decided = () => {
        left -= 1;
        if (left === 0) resolve();
      };
    }
    if (left === 0) resolve();
    const timeout = setTimeout(resolve, timeoutMs);
    // After the other end's FIN libuv no longer reads, and so does not notice an RST. Writing nothing sends
    // no packet, but does return the error.
    const probe = setInterval(() => {
      for (const { decided, halfClosed, socket } of open) {
        if (decided !== undefined && halfClosed && socket.writable) socket.write('');
      }
    }, PROBE_MS);
    await promise;
    clearTimeout(timeout);
    clearInterval(probe);
    return summary(this.#sentOn);
  }

  /** FIN on every connection. */
  endAll(): void {
    for (const { socket } of this.#living) socket.end();
  }

  /** RST on every connection. */
  abort(): Promise<void> {
    for (const { socket } of this.#living) socket.resetAndDestroy();
    return this.#allGone();
  }

  /** FIN on every connection; RST for those the other end does not close in time. */
  async closeAll(timeoutMs: number): Promise<void> {
    this.endAll();
    const timeout = setTimeout(() => void this.abort(), timeoutMs);
    await this.#allGone();
    clearTimeout(timeout);
  }

  list(): PeerConnection[] {
    return [...this.#living].map(({ at, halfClosed, bytesReceived }) => ({
      ...at,
      state: halfClosed ? 'half_closed' : 'open',
      bytesReceived,
    }));
  }

  async #allGone(): Promise<void> {
    await Promise.all(
      [...this.#living].map(
        ({ socket }) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      ),
    );
  }
}

/** The first thing that happens after a message is its outcome. */
function decide(connection: Connection, outcome: PeerOutcome): void {
  const { decided } = connection;
  if (decided === undefined) return;
  connection.outcome = outcome;
  connection.decided = undefined;
  decided();
}

function summary(connections: readonly Connection[]): Settled {
  const details: SettledConnection[] = connections.map(({ at, outcome, errorCode }) => ({
    localAddress: at.localAddress,
    localPort: at.localPort,
    outcome,
    ...(errorCode !== undefined && { errorCode }),
  }));
  const count = (outcome: PeerOutcome) => details.filter((row) => row.outcome === outcome).length;
  return {
    answered: count('answered'),
    reset: count('reset'),
    closed: count('closed'),
    silent: count('silent'),
    details,
  };
}
