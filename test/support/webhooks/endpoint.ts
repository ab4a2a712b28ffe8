/** An endpoint of webhooks: a real HTTP server that records what it gets, and checks every signature. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Received {
  /** The `webhook-id`. */
  id: string;
  headers: IncomingHttpHeaders;
  event: { id: string; type: string; data: Record<string, unknown> };
  at: number;
}

/** Returns a status, or null to leave the request unanswered. */
export type Behaviour = (received: Received) => Reply | Promise<Reply>;
export type Reply = number | null | { status: number; headers?: Record<string, string> };

export class Endpoint {
  /** Every request with a valid signature, in the order of arrival, answered or not. */
  readonly received: Received[] = [];
  /** Those that were answered 2xx. */
  readonly taken: Received[] = [];
  readonly faults: string[] = [];
  secrets: string[] = [];
  behaviour: Behaviour = () => 204;
  private server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(private port: number) {
    this.server = this.create();
  }

  static async start(): Promise<Endpoint> {
    const endpoint = new Endpoint(0);
    await endpoint.listen();
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks`;
  }

  /** Ends every connection in the middle, as a killed process does. Nothing listens any more. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }

  /** Listens again, on the same port. */
  async restart(): Promise<void> {
    this.server = this.create();
    await this.listen();
  }

  get ids(): string[] {
    return this.taken.map(({ id }) => id);
  }

  private create(): Server {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined);
      request.on('end', () => void this.receive(request.headers, Buffer.concat(chunks), response));
    });
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    return server;
  }

  private async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (this.server.address() as AddressInfo).port;
  }

  private async receive(headers: IncomingHttpHeaders, body: Buffer, response: ServerResponse): Promise<void> {
    const id = String(headers['webhook-id']);
    const fault = this.faultOf(headers, body);
    const event = JSON.parse(body.toString()) as Received['event'];
    if (fault !== null) this.faults.push(fault);
    if (event.id !== id) this.faults.push(`${id} brings the event ${event.id}`);
    const received = { id, headers, event, at: Date.now() };
    this.received.push(received);
    const reply = await this.behaviour(received);
    if (reply === null || response.destroyed) return;
    const { status, headers: more = {} } = typeof reply === 'number' ? { status: reply } : reply;
    if (status >= 200 && status < 300) this.taken.push(received);
    response.writeHead(status, more).end();
  }

  private faultOf(headers: IncomingHttpHeaders, body: Buffer): string | null {
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`;
    const signatures = String(headers['webhook-signature']).split(' ');
    const isValid = this.secrets.some((secret) => {
      const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
      const expected = Buffer.from(`v1,${createHmac('sha256', key).update(signed).update(body).digest('base64')}`);
      return signatures.some((given) => {
        const bytes = Buffer.from(given);
        return bytes.length === expected.length && timingSafeEqual(bytes, expected);
      });
    });
    return isValid ? null : `${headers['webhook-id']} has no valid signature`;
  }
}
