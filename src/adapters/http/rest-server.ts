import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from '../../infrastructure/logger.js';
import type { Service } from '../../infrastructure/process-life.js';
import { PROBLEM_CONTENT_TYPE, problemDocument } from './answer.js';

/** A request's head, and the whole of it, must have come within: slow senders hold a connection no longer. */
export const HEADERS_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 30_000;
/** How long an idle connection is kept; longer than usual proxies keep theirs, so that it is they who close. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** Stopping: how long requests in hand may take to finish. */
export const CLOSE_TIMEOUT_MS = 8_000;

export interface RestServerOptions {
  /** 0: any free one. */
  port: number;
  host: string;
  closeTimeoutMs?: number;
}

/** The REST port: listens, and when it stops lets requests in hand finish. */
export class RestServer implements Service {
  readonly name = 'rest';
  readonly stopTimeoutMs: number;
  private readonly closeTimeoutMs: number;
  private readonly connections = new Set<Socket>();
  private readonly inHand = new Set<ServerResponse>();
  private readonly server: Server;
  private stopping = false;

  constructor(
    app: RequestListener,
    private readonly options: RestServerOptions,
    private readonly logger: Logger,
  ) {
    this.closeTimeoutMs = options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS;
    this.stopTimeoutMs = this.closeTimeoutMs + 1_000;
    this.server = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    });
    this.server.on('connection', (connection) => this.trackConnection(connection));
    this.server.on('request', (_request, response) => this.trackResponse(response));
    this.server.on('request', app);
    // An expectation that is not known is no reason to refuse (RFC 9110, section 10.1.1).
    this.server.on('checkExpectation', (request, response) => this.server.emit('request', request, response));
    this.server.on('clientError', refuseConnection);
  }

  /** The port it listens on, once started. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Rejects with one line if the port cannot be had. */
  async start(): Promise<void> {
    const { port, host } = this.options;
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: NodeJS.ErrnoException) => {
        const reason = cause.code === 'EADDRINUSE' ? 'somebody listens there already' : cause.message;
        reject(new Error(`cannot listen on ${host}:${port}: ${reason}`, { cause }));
      };
      this.server.once('error', refuse);
      this.server.listen(port, host, () => {
        this.server.off('error', refuse);
        resolve();
      });
    });
    this.logger.info('REST is listening', { host, port: this.port });
  }

  /** Takes no further connection, finishes what is in hand, and after the deadline ends what is left. */
  async stop(): Promise<void> {
    this.stopping = true;
    const busy = new Set<Socket | null>();
    for (const response of this.inHand) {
      busy.add(response.socket);
      if (!response.headersSent) response.setHeader('Connection', 'close');
    }
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    // Not `closeIdleConnections`: that one spares connections on which nothing was ever asked.
    for (const connection of this.connections) if (!busy.has(connection)) connection.destroy();
    const deadline = setTimeout(() => {
      this.logger.warn('requests in hand did not finish in time', { requests: this.inHand.size });
      this.server.closeAllConnections();
    }, this.closeTimeoutMs);
    await closed;
    clearTimeout(deadline);
  }

  private trackConnection(connection: Socket): void {
    this.connections.add(connection);
    connection.once('close', () => this.connections.delete(connection));
  }

  private trackResponse(response: ServerResponse): void {
    this.inHand.add(response);
    if (this.stopping) response.setHeader('Connection', 'close');
    response.once('close', () => this.inHand.delete(response));
  }
}

/** What is no HTTP request is told so, and the connection ends. */
function refuseConnection(_fault: Error, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const document = JSON.stringify(problemDocument('bad_request'));
  socket.end(
    [
      'HTTP/1.1 400 Bad Request',
      `Content-Type: ${PROBLEM_CONTENT_TYPE}`,
      `Content-Length: ${Buffer.byteLength(document)}`,
      'Connection: close',
      '',
      document,
    ].join('\r\n'),
  );
}
