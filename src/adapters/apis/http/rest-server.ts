import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import type { Service } from '../../../infrastructure/process/service-runner.js';
import { PROBLEM_CONTENT_TYPE, problemDocument } from './response.js';

/** Time limit for receiving a request's headers, and the whole request. A slow client holds a connection no longer. */
export const HEADERS_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 30_000;
/** How often these limits are checked. With Node's default, a connection could stay open for 30 s longer. */
export const CONNECTION_CHECK_INTERVAL_MS = 1_000;
/** How long an idle connection is kept: longer than common proxies keep it, so that the proxy closes it. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** Graceful shutdown: how long requests in progress may take to finish. */
export const CLOSE_TIMEOUT_MS = 8_000;

export interface RestServerOptions {
  /** 0: any free one. */
  port: number;
  host: string;
  closeTimeoutMs?: number;
  /** For requests to change the protocol. If absent, they are handled as if they did not ask for it. */
  onUpgrade?: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;
}

/** The state of an open connection. */
interface Connection {
  /** Requests whose responses are not completely sent. Several if the client pipelines. */
  inHand: Set<ServerResponse>;
  /** The latest request, answered or not. */
  latest: { request: IncomingMessage; response: ServerResponse } | null;
  /** The client sent bytes that are not HTTP, or a request did not arrive in time. No further request can be read. */
  isBroken: boolean;
}

/** The server on the REST port. `stop` lets requests in progress finish. */
export class RestServer implements Service {
  readonly name = 'rest';
  readonly stopTimeoutMs: number;
  private readonly closeTimeoutMs: number;
  private readonly connections = new Map<Socket, Connection>();
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
      connectionsCheckingInterval: CONNECTION_CHECK_INTERVAL_MS,
    });
    this.server.on('connection', (connection) => this.trackConnection(connection));
    this.server.on('request', (request, response) => this.trackResponse(request, response));
    this.server.on('request', app);
    if (options.onUpgrade !== undefined) this.server.on('upgrade', options.onUpgrade);
    // An unknown expectation is ignored (RFC 9110, section 10.1.1 allows that).
    this.server.on('checkExpectation', (request, response) => this.server.emit('request', request, response));
    this.server.on('clientError', (fault, socket) => this.endBroken(fault, socket as Socket));
  }

  /** The port, after the start. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Rejects with a one-line error if it cannot listen on the port. */
  async start(): Promise<void> {
    const { port, host } = this.options;
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: NodeJS.ErrnoException) => {
        const reason = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message;
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

  /** Accepts no more connections, finishes requests in progress, and ends the rest after the deadline. */
  async stop(): Promise<void> {
    this.stopping = true;
    const busy = new Set<Socket | null>();
    for (const response of this.inHand) {
      busy.add(response.socket);
      if (!response.headersSent) response.setHeader('Connection', 'close');
    }
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    // Not `closeIdleConnections`: it does not close connections without any request.
    for (const socket of this.connections.keys()) if (!busy.has(socket)) socket.destroy();
    const deadline = setTimeout(() => {
      this.logger.warn('requests in progress did not finish in time', { requests: this.inHand.size });
      this.server.closeAllConnections();
    }, this.closeTimeoutMs);
    await closed;
    clearTimeout(deadline);
  }

  private trackConnection(socket: Socket): void {
    this.connections.set(socket, { inHand: new Set(), latest: null, isBroken: false });
    socket.once('close', () => this.connections.delete(socket));
  }

  private trackResponse(request: IncomingMessage, response: ServerResponse): void {
    this.inHand.add(response);
    if (this.stopping) response.setHeader('Connection', 'close');
    const connection = this.connections.get(request.socket);
    if (connection !== undefined) {
      connection.inHand.add(response);
      connection.latest = { request, response };
    }
    response.once('close', () => {
      this.inHand.delete(response);
      connection?.inHand.delete(response);
    });
  }

  /**
   * Ends a connection on which no further request can be read. A 400 must not be written inside or after another
   * request's response, because the client would take it for a part of that response.
   */
  private endBroken(fault: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.connections.get(socket);
    if (connection === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    const { inHand, latest, isBroken } = connection;
    // The latest request can be incomplete, and will stay incomplete.
    const isCutShort = latest !== null && !latest.request.complete;
    const awaited = [...inHand].filter((response) => response.req.complete || response.headersSent);
    if (isBroken) {
      if (awaited.length === 0) socket.destroy();
      return;
    }
    connection.isBroken = true;
    this.logger.debug('connection broken by its client', { code: fault.code, answersInHand: awaited.length });
    if (awaited.length > 0) closeAfter(awaited, socket);
    else if (isCutShort && latest.response.headersSent) socket.destroySoon();
    else refuse(socket);
  }
}

/** Waits until the responses are sent, then closes the connection. */
function closeAfter(responses: readonly ServerResponse[], socket: Socket): void {
  const last = responses.at(-1);
  if (last?.headersSent === false) last.setHeader('Connection', 'close');
  const open = new Set(responses);
  for (const response of responses)
    response.once('close', () => {
      open.delete(response);
      if (open.size === 0) socket.destroySoon();
    });
}

/** Responds to bytes that are not HTTP with a problem, and closes the connection. */
function refuse(socket: Socket): void {
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
