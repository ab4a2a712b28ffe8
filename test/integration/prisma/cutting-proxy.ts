/**
 * A TCP proxy before PostgreSQL, or a broker, that drops the chosen data. COMMIT is also a batch's statement if that is
 * its own transaction.
 */
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Fault =
  | 'none'
  /** COMMIT is passed on; its reply is dropped, and the connection stays open. */
  | 'lose the reply to COMMIT'
  /** COMMIT is passed on; its reply is dropped, and the connection stays open. */
  | 'swallow the reply to COMMIT'
  /** COMMIT itself is lost, and the connection is cut. */
  | 'lose COMMIT'
  /** COMMIT is passed on when `onStrike` has resolved. */
  | 'delay COMMIT'
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

/** What a client commits. */
export interface Commit {
  /** Of a batch: its partitions. Otherwise empty. */
  partitions: readonly number[];
  /** What the client sends with it. */
  bytes: Buffer;
}

/** The parts of a client's data that concern commits. */
export class ClientWords {
  /** Prepared statements that write a batch. */
  private readonly batches = new Set<string>();
  private isInTransaction = false;

  /** What is committed by these. Null if nothing is. */
  commit(bytes: Buffer): Commit | null {
    const said = bytes.toString('latin1');
    // Parse: its length, which can look like a part of the name, the name, and the statement.
    const prepared = [...said.matchAll(/P[\s\S]{4}(\w*)\0WITH moved AS \(/g)].map(([, name = '']) => name);
    for (const name of prepared) this.batches.add(name);
    // Bind: its length, no name of a portal, and the statement's.
    const bound = [...said.matchAll(/B[\s\S]{4}\0(\w+)\0/g)].find(([, name = '']) => this.batches.has(name));
    const isBatch = !this.isInTransaction && (bound !== undefined || prepared.length > 0);
    const partitions = isBatch && bound !== undefined ? numbersAt(bytes, bound.index + bound[0].length) : [];
    // The end of the statement belongs to it: `READ COMMITTED` is no COMMIT.
    const isCommit = said.includes('COMMIT\0');
    if (said.includes('BEGIN\0')) this.isInTransaction = true;
    if (isCommit || said.includes('ROLLBACK\0')) this.isInTransaction = false;
    return isCommit || isBatch ? { partitions, bytes } : null;
  }
}

/**
 * The first parameter of a Bind, an array of numbers as text: after the formats (their number, two bytes each) and the
 * number of parameters comes its length.
 */
function numbersAt(bytes: Buffer, offset: number): number[] {
  const lengthAt = offset + 2 + 2 * bytes.readInt16BE(offset) + 2;
  const text = bytes.toString('latin1', lengthAt + 4, lengthAt + 4 + bytes.readInt32BE(lengthAt));
  return [...text.matchAll(/\d+/g)].map(Number);
}

export class CuttingProxy {
  fault: Fault = 'none';
  /** Only batches of at least this many partitions meet a fault. 0: all that commits. */
  partitionsMin = 0;
  /**
   * How much later each COMMIT arrives, in milliseconds. While one is on its way, other partitions wait and share the
   * next.
   */
  commitDelayMs = 0;
  /** How many COMMITs have met a fault. */
  struck = 0;
  /** Called as a COMMIT meets a fault, before anything is passed on or cut. */
  onStrike: ((commit: Commit) => void | Promise<void>) | undefined;
  /** Called for each COMMIT, whatever the fault. */
  onCommit: ((commit: Commit) => void) | undefined;
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
    client.on('data', async (bytes) => {
      const commit = words.commit(bytes);
      if (commit !== null) this.onCommit?.(commit);
      if (this.fault === 'fall silent') return;
      if (commit !== null && this.commitDelayMs > 0) {
        client.pause();
        await sleep(this.commitDelayMs);
        client.resume();
      }
      const isStruck = this.fault !== 'none' && commit !== null && commit.partitions.length >= this.partitionsMin;
      if (isStruck) {
        this.struck += 1;
        const passed = this.onStrike?.(commit);
        if (this.fault === 'delay COMMIT') {
          client.pause();
          await passed;
          upstream.write(bytes);
          client.resume();
          return;
        }
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
