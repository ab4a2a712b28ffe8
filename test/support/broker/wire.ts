import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/**
 * A wire to a server that can be cut, frozen and joined again. Nobody listens at its port until it is joined for the
 * first time.
 */
export class Wire {
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  /** Those of them that lead to the server. */
  readonly #far = new Set<Socket>();
  #server: Server | undefined;

  constructor(
    readonly port: number,
    target: string,
  ) {
    this.#target = new URL(target);
  }

  /** The target's address by way of the wire. */
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

  /** Nothing passes any more, and nobody is told. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** What is said goes through, and nothing comes back: no confirm, no delivery. Connections made later are whole. */
  muffle(): void {
    for (const socket of this.#far) socket.unpipe().pause();
  }

  cut(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => (this.#server === undefined ? resolve() : this.#server.close(() => resolve())));
  }
}
