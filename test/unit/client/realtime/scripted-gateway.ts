/** The other side of a connection: a WebSocket server that does what a test tells it to. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { ClientFrame, ClientFrameName, ClientFrameOf } from '../../../../src/contract/realtime/client-frames.js';
import { clientFrame } from '../../../../src/contract/realtime/client-frames.js';
import { REALTIME_LIMITS, REALTIME_SUBPROTOCOL } from '../../../../src/contract/realtime/protocol.js';
import type { ServerFrame, ServerFrameOf } from '../../../../src/contract/realtime/server-frames.js';
import { eventually } from '../../../support/eventually.js';

const TIMEOUT_MS = 5_000;

/** The server's end of a connection, as `ws` has it. */
export interface ServerSocket {
  on(event: 'message', listener: (bytes: unknown) => void): unknown;
  on(event: 'close', listener: (code: number) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  send(text: string): void;
  close(code?: number): void;
  terminate(): void;
}

export class ScriptedConnection {
  readonly frames: ClientFrame[] = [];
  isClosed = false;
  /** The code with which the client closed. */
  closeCode: number | null = null;
  onFrame: (frame: ClientFrame) => void = () => undefined;
  private taken = 0;
  private pushes = 0;

  constructor(
    private readonly socket: ServerSocket,
    readonly path: string,
  ) {
    socket.on('message', (bytes) => {
      // What is not a frame of the contract fails the test.
      const json = JSON.parse(String(bytes)) as { t: ClientFrameName };
      const frame = clientFrame[json.t].parse(json) as ClientFrame;
      this.frames.push(frame);
      this.onFrame(frame);
    });
    socket.on('close', (code) => {
      this.isClosed = true;
      this.closeCode = code;
    });
    socket.on('error', () => undefined); // `close` follows.
  }

  /** The next frame with this name that was not taken yet. */
  async next<T extends ClientFrameName>(t: T): Promise<ClientFrameOf<T>> {
    const what = `a frame ${t} among ${JSON.stringify(this.frames.slice(this.taken).map((frame) => frame.t))}`;
    const index = await eventually(() => this.frames.findIndex((frame, at) => at >= this.taken && frame.t === t) + 1, {
      within: TIMEOUT_MS,
      what,
    });
    this.taken = index;
    return this.frames[index - 1] as ClientFrameOf<T>;
  }

  send(frame: ServerFrame): void {
    this.socket.send(JSON.stringify(frame));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  /** A frame with the next number of a push. */
  push(frame: DistributiveOmit<Extract<ServerFrame, { n: number }>, 'n'>): number {
    this.pushes += 1;
    this.send({ ...frame, n: this.pushes } as ServerFrame);
    return this.pushes;
  }

  hello(more: Partial<ServerFrameOf<'hello'>> = {}): void {
    this.send({
      ...{ t: 'hello', connectionId: 'c-1', userId: 'alice', tenantId: 'default', heartbeatMs: 25_000 },
      ...{ maxUnacked: REALTIME_LIMITS.unackedMax, tokenExpiresAt: '2027-01-01T00:00:00Z' },
      limits: REALTIME_LIMITS,
      ...more,
    });
  }

  page(items: ServerFrameOf<'sync'>['page']['items'], next: string, hasMore = false): void {
    this.send({ t: 'sync', page: { items, next, hasMore } });
  }

  bye(code: number, retryAfterMs: number | null = null, reason = 'test'): void {
    this.send({ t: 'bye', code, reason, retryAfterMs });
    this.socket.close(code);
  }

  close(code: number): void {
    this.socket.close(code);
  }

  /** As if the network failed. */
  cut(): void {
    this.socket.terminate();
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export class ScriptedGateway {
  readonly connections: ScriptedConnection[] = [];
  onConnection: (connection: ScriptedConnection) => void = () => undefined;
  private taken = 0;

  private constructor(private readonly server: WebSocketServer) {
    server.on('connection', (socket, request) => {
      const connection = new ScriptedConnection(socket, request.url ?? '');
      this.connections.push(connection);
      this.onConnection(connection);
    });
  }

  static async start(): Promise<ScriptedGateway> {
    const server = new WebSocketServer({
      ...{ host: '127.0.0.1', port: 0 },
      handleProtocols: (offered) => (offered.has(REALTIME_SUBPROTOCOL) ? REALTIME_SUBPROTOCOL : false),
    });
    await once(server, 'listening');
    return new ScriptedGateway(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next connection that was not taken yet. */
  async next(): Promise<ScriptedConnection> {
    const connection = await eventually(() => this.connections[this.taken], {
      within: TIMEOUT_MS,
      what: `connection ${this.taken + 1}`,
    });
    this.taken += 1;
    return connection;
  }

  async stop(): Promise<void> {
    for (const client of this.server.clients) client.terminate();
    this.server.close();
    await once(this.server, 'close');
  }
}
