import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Outlet } from '../../../application/realtime/connection.js';
import type { Session, Sessions } from '../../../application/realtime/sessions.js';
import { REALTIME_SUBPROTOCOL } from '../../../contract/realtime/protocol.js';
import { isAllowedOrigin } from './origins.js';
import { readFrame } from './read-frame.js';
import { CLOSE_TIMEOUT_MS, FRAME_MARGIN_BYTES, type RealtimeSettings } from './realtime-settings.js';

/** The WebSocket endpoint. It turns frames into calls of a session, and a session's frames into messages. */
export class WebSockets {
  private readonly server: WebSocketServer;
  private readonly sockets = new Map<WebSocket, { isAlive: boolean }>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly sessions: Sessions,
    private readonly settings: RealtimeSettings,
  ) {
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: settings.frameMaxBytes + FRAME_MARGIN_BYTES,
      perMessageDeflate: settings.compression ? { threshold: 1024, concurrencyLimit: 2 } : false,
      handleProtocols: (offered) => (offered.has(REALTIME_SUBPROTOCOL) ? REALTIME_SUBPROTOCOL : false),
    });
    this.timer = setInterval(() => this.pingAll(), settings.heartbeatMs);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = request.headers['sec-websocket-protocol']?.split(',').map((one) => one.trim()) ?? [];
    if (!offered.includes(REALTIME_SUBPROTOCOL)) {
      refuseUpgrade(socket, '400 Bad Request');
      return;
    }
    this.server.handleUpgrade(request, socket, head, (webSocket) => this.open(webSocket, request));
  }

  stop(): void {
    clearInterval(this.timer);
    for (const socket of this.sockets.keys()) socket.terminate();
  }

  private open(socket: WebSocket, request: IncomingMessage): void {
    const state = { isAlive: true };
    this.sockets.set(socket, state);
    const session = this.sessions.open(outletOf(socket));
    socket.on('error', () => undefined); // `close` follows.
    socket.on('close', () => {
      this.sockets.delete(socket);
      session.lost();
    });
    socket.on('pong', () => {
      state.isAlive = true;
    });
    // A page of another origin could not read a refused handshake, so it gets a code.
    if (!isAllowedOrigin(request, this.settings.allowedOrigins)) session.refuse('origin', {});
    else
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        state.isAlive = true;
        this.receive(session, data, isBinary);
      });
  }

  private receive(session: Session, data: Buffer, isBinary: boolean): void {
    if (data.length > this.settings.frameMaxBytes) {
      session.refuse('tooLarge', { detail: `a frame has at most ${this.settings.frameMaxBytes} bytes` });
      return;
    }
    const read = isBinary ? { fault: 'binary' } : readFrame(data.toString('utf8'));
    if ('fault' in read) session.refuse('badFrame', { detail: read.fault });
    else session.receive(read.frame);
  }

  /** A peer that has answered nothing since the last ping is gone. */
  private pingAll(): void {
    for (const [socket, state] of this.sockets) {
      if (!state.isAlive) socket.terminate();
      else if (socket.readyState === socket.OPEN) {
        state.isAlive = false;
        socket.ping();
      }
    }
  }
}

/** Node has removed its own listeners, and an error without one would end the process. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function outletOf(socket: WebSocket): Outlet {
  return {
    send: ({ text }, onSent) => {
      if (socket.readyState !== socket.OPEN) onSent();
      else socket.send(text, () => onSent());
    },
    close: (code, reason) => {
      socket.close(code, reason);
      setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
    },
  };
}
