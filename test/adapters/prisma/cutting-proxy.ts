/** A TCP proxy before PostgreSQL, or a broker, that loses what it is told to lose. */
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';

export type Fault =
  | 'none'
  /** COMMIT goes through; its reply does not, and the connection is cut. */
  | 'lose the reply to COMMIT'
  /** COMMIT itself is lost, and the connection is cut. */
  | 'lose COMMIT'
  /** What is said goes through; no reply does. */
  | 'lose the replies'
  /** Nothing goes either way any more, and nobody is told. */
  | 'fall silent';

export class CuttingProxy {
  fault: Fault = 'none';
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    /** The database's URL, by way of the proxy. */
    readonly url: string,
  ) {}

  static async before(databaseUrl: string): Promise<CuttingProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = new URL(databaseUrl);
    const target = { host: url.hostname, port: Number(url.port) };
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as AddressInfo).port);
    const proxy = new CuttingProxy(server, url.href);
    server.on('connection', (client) => proxy.join(client, target));
    return proxy;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: Socket, target: { host: string; port: number }): void {
    const upstream = new Socket().connect(target.port, target.host);
    let losingReply = false;
    for (const [socket, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(socket);
      // A cut connection is what this is for; whoever used it has the error.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        peer.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (this.fault === 'fall silent') return;
      // The end of the statement belongs to it: `READ COMMITTED` is no COMMIT.
      const commits = bytes.includes('COMMIT\0');
      if (commits && this.fault === 'lose COMMIT') {
        client.destroy();
        return;
      }
      losingReply = commits && this.fault === 'lose the reply to COMMIT';
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (this.fault === 'fall silent' || this.fault === 'lose the replies') return;
      if (losingReply) client.destroy();
      else client.write(bytes);
    });
  }
}
