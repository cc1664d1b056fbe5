import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** An HTTP proxy that does CONNECT: a way to a server that can be cut without touching the server. */
export class ConnectProxy {
  readonly #ends = new Set<Duplex>();
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Again at the same port after `stop`. */
  async start(): Promise<void> {
    const server = createServer();
    server.on('connect', ({ url }, socket) => this.#connect(new URL(`http://${url}`), socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Refuses connections, and breaks those there are. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    this.breakAll();
    await closed;
  }

  breakAll(): void {
    for (const end of this.#ends) end.destroy();
  }

  #connect({ hostname, port }: URL, client: Duplex): void {
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const target = connect(Number(port || 80), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.pipe(client).pipe(target);
    });
    for (const [end, other] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#ends.add(end);
      end.on('error', () => {});
      end.once('close', () => {
        this.#ends.delete(end);
        other.destroy();
      });
    }
  }
}
