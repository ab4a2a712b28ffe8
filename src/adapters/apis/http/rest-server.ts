import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import type { Service } from '../../../infrastructure/process/service-runner.js';
import { PROBLEM_CONTENT_TYPE, problemDocument } from './response.js';

/** A request's head, and the whole of it, must have come within: slow senders hold a connection no longer. */
export const HEADERS_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 30_000;
/** How often the two are checked; Node's default of 30 s would let each connection stay open for so much longer. */
export const CONNECTION_CHECK_INTERVAL_MS = 1_000;
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

/** What the server knows of an open connection. */
interface Connection {
  /** Requests whose answers are not sent to their end yet; several where the client pipelines. */
  inHand: Set<ServerResponse>;
  /** The latest request, answered or not. */
  latest: { request: IncomingMessage; response: ServerResponse } | null;
  /** Bytes that are not HTTP have come in, or a request has not come in time: nothing further can be read. */
  isBroken: boolean;
}

/** The REST port: listens, and when it stops lets requests in hand finish. */
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
    // An expectation that is not known is no reason to refuse (RFC 9110, section 10.1.1).
    this.server.on('checkExpectation', (request, response) => this.server.emit('request', request, response));
    this.server.on('clientError', (fault, socket) => this.endBroken(fault, socket as Socket));
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
    for (const socket of this.connections.keys()) if (!busy.has(socket)) socket.destroy();
    const deadline = setTimeout(() => {
      this.logger.warn('requests in hand did not finish in time', { requests: this.inHand.size });
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
   * Ends a connection on which no further request can be read. Only bytes that the client takes for the answer to what
   * it has just
   * sent may be written: never a 400 within or behind another request's answer.
   */
  private endBroken(fault: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.connections.get(socket);
    if (connection === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    const { inHand, latest, isBroken } = connection;
    // Its latest request can still be under way: what has come of it so far is all there will be.
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

/** Lets the answers be sent to their end, then closes the connection. */
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

/** Answers what is no HTTP request with a problem, and ends the connection. */
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
