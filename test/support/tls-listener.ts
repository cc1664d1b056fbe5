import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Certificates } from './certificates.ts';

/** Answers over HTTPS, and can be killed and started again. */
export class TlsListener {
  readonly #certificates: Certificates;
  readonly #onRequest: RequestListener;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(certificates: Certificates, onRequest: RequestListener) {
    this.#certificates = certificates;
    this.#onRequest = onRequest;
  }

  /** That of the last start; 0 before. */
  get port(): number {
    return this.#port;
  }

  /** Port 0: any that is free. */
  async start(port: number, host: string): Promise<void> {
    const { cert, key, ca } = this.#certificates;
    // Who has no certificate, or one of another authority, may still have a token.
    const tls = { cert, key, ca, requestCert: true, rejectUnauthorized: false };
    const server = createServer(tls, this.#onRequest);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** As when its process is killed. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    this.dropConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Connections break in the middle. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
