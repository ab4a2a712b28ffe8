/**
 * A TCP proxy before PostgreSQL, or a broker, that drops the chosen data. COMMIT is also a batch's statement if that is
 * its own transaction.
 */
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';

export type Fault =
  | 'none'
  /** COMMIT is passed on; its reply is dropped, and the connection stays open. */
  | 'lose the reply to COMMIT'
  /** COMMIT is passed on; its reply is dropped, and the connection stays open. */
  | 'swallow the reply to COMMIT'
  /** COMMIT itself is lost, and the connection is cut. */
  | 'lose COMMIT'
  /** Each new session is ended by the server in one breath with its greeting. */
  | 'end sessions at once'
  /** Requests are passed on; replies are dropped. */
  | 'lose the replies'
  /** No data passes in either direction, and the connections stay open. */
  | 'fall silent';

/** The server's last words: an ErrorResponse of the protocol, SQLSTATE 57P01. */
function terminated(): Buffer {
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');
  const head = Buffer.alloc(5, 'E');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}

/** The parts of a client's data that concern commits. */
class ClientWords {
  /** Prepared statements that write a batch. */
  private readonly batches = new Set<string>();
  private isInTransaction = false;

  /** Whether something is committed by these. */
  commit(bytes: Buffer): boolean {
    const said = bytes.toString('latin1');
    // Parse: its name, and the statement.
    const prepared = [...said.matchAll(/(\w*)\0WITH moved AS \(/g)].map(([, name = '']) => name);
    for (const name of prepared) this.batches.add(name);
    // Bind: its length, no name of a portal, and the statement's.
    const bound = [...said.matchAll(/B[\s\S]{4}\0(\w+)\0/g)].some(([, name = '']) => this.batches.has(name));
    const isBatch = !this.isInTransaction && (bound || prepared.length > 0);
    // The end of the statement belongs to it: `READ COMMITTED` is no COMMIT.
    const isCommit = said.includes('COMMIT\0');
    if (said.includes('BEGIN\0')) this.isInTransaction = true;
    if (isCommit || said.includes('ROLLBACK\0')) this.isInTransaction = false;
    return isCommit || isBatch;
  }
}

export class CuttingProxy {
  fault: Fault = 'none';
  /** How many COMMITs have met a fault. */
  struck = 0;
  /** Called as a COMMIT meets a fault, before anything is passed on or cut. */
  onStrike: (() => void) | undefined;
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
    let losing: 'cut' | 'swallow' | null = null;
    for (const [socket, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(socket);
      // Expected for cut connections; their users get the error.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        peer.destroy();
      });
    }
    const words = new ClientWords();
    client.on('data', (bytes) => {
      const isCommit = words.commit(bytes);
      if (this.fault === 'fall silent') return;
      const isStruck = this.fault !== 'none' && isCommit;
      if (isStruck) {
        this.struck += 1;
        this.onStrike?.();
      }
      if (isStruck && this.fault === 'lose COMMIT') {
        client.destroy();
        return;
      }
      if (isStruck) losing = this.fault === 'swallow the reply to COMMIT' ? 'swallow' : 'cut';
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (this.fault === 'fall silent' || this.fault === 'lose the replies') return;
      // Ready for query, outside a transaction.
      if (this.fault === 'end sessions at once' && bytes.includes('Z\0\0\0\x05I')) {
        client.end(Buffer.concat([bytes, terminated()]));
        return;
      }
      if (losing === 'cut') client.destroy();
      else if (losing === null) client.write(bytes);
    });
  }
}
