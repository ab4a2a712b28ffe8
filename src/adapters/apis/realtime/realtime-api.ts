import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { REALTIME_PATH } from '../../../contract/realtime/protocol.js';
import { problem, type Streams } from './streams.js';
import { refuseUpgrade, type WebSockets } from './websockets.js';

/** The realtime endpoints, to be mounted on the HTTP server of the process. */
export class RealtimeApi {
  constructor(
    private readonly webSockets: WebSockets,
    private readonly streams: Streams,
  ) {}

  /** False: the request is for another API. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const url = urlOf(request);
    if (url === null) return false;
    if (this.streams.handles(url.pathname)) {
      this.streams.handle(request, response, url);
      return true;
    }
    if (url.pathname !== REALTIME_PATH) return false;
    request.resume();
    response.setHeader('Upgrade', 'websocket');
    problem(response, 'bad_request', 'this path is a WebSocket endpoint');
    return true;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (urlOf(request)?.pathname === REALTIME_PATH) this.webSockets.upgrade(request, socket, head);
    else refuseUpgrade(socket, '404 Not Found');
  }
}

function urlOf({ url = '' }: IncomingMessage): URL | null {
  return url.startsWith('/') && URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost') : null;
}

/** For a process without another API on the port. */
export function onlyRealtime(isReady: () => boolean) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    const path = request.url?.split('?')[0];
    if (path !== '/livez' && path !== '/readyz') {
      problem(response, 'not_found', 'this process serves realtime only');
      return;
    }
    const status = path === '/livez' || isReady() ? 200 : 503;
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    response.end(JSON.stringify({ status: path === '/livez' ? 'alive' : status === 200 ? 'ready' : 'unready' }));
  };
}
