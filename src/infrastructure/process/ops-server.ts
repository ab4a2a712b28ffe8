import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HealthRegistry } from './health.js';

export interface OpsServerOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host: string;
  readonly health: HealthRegistry;
  /** Handles `/metrics`, e.g. `startMetrics().handler`. */
  readonly metrics?: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface OpsServer {
  readonly port: number;
  /** Lets pending responses finish, for a limited time. Calling it again does nothing. */
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** How often the time limit is checked. Node's default is 30 s. */
const CONNECTION_CHECK_INTERVAL_MS = 1_000;
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * The HTTP endpoints for operators: `/livez` (200 while the process answers), `/readyz` (200, or 503 while a dependency
 * is unavailable; the body has the state of each) and `/metrics`.
 * @throws Error of one line if the port is in use
 */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const limits = {
    headersTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CONNECTION_CHECK_INTERVAL_MS,
  };
  const server = createServer(limits, (request, response) => {
    answer(request, response, options);
  });
  await listen(server, options.port, options.host);
  let closed: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      closed ??= close(server);
      return closed;
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse, options: OpsServerOptions): void {
  const path = request.url?.split('?')[0];
  const served = path === '/livez' || path === '/readyz' || (path === '/metrics' && options.metrics !== undefined);
  if (!served) {
    send(response, 404, { status: 'not found' });
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, 405, { status: 'method not allowed' });
  } else if (path === '/metrics') {
    options.metrics?.(request, response);
  } else if (path === '/livez') {
    send(response, 200, { status: 'alive' });
  } else {
    const { ok, dependencies } = options.health.report();
    send(response, ok ? 200 : 503, { status: ok ? 'ready' : 'unready', dependencies });
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message;
      reject(new Error(`cannot listen on ${host}:${port}: ${reason}`, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

async function close(server: Server): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await Promise.race([done, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  server.closeAllConnections();
  await done;
}
