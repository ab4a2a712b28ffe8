import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** A TCP proxy that can cut, freeze and restore connections. It listens after the first `join`. */
export class Wire {
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  /** The connections to the server. */
  readonly #far = new Set<Socket>();
  #server: Server | undefined;

  constructor(
    readonly port: number,
    target: string,
  ) {
    this.#target = new URL(target);
  }

  /** The target's address through the proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  join(): Promise<void> {
    const server = createServer((near) => {
      const far = dial(Number(this.#target.port || 5672), this.#target.hostname);
      this.#far.add(far);
      far.on('close', () => this.#far.delete(far));
      for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
        this.#sockets.add(socket);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    this.#server = server;
    return new Promise((resolve) => server.listen(this.port, '127.0.0.1', resolve));
  }

  /** Stops all traffic, and leaves the connections open. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /**
   * Passes requests and drops replies (confirms, deliveries) of existing connections. New connections are not affected.
   */
  muffle(): void {
    for (const socket of this.#far) socket.unpipe().pause();
  }

  cut(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => (this.#server === undefined ? resolve() : this.#server.close(() => resolve())));
  }
}
