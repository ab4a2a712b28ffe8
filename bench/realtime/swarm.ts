/** Many clients in this process: they connect, count what they get, acknowledge, and come back if cut off. */
import { WebSocket } from 'ws';
import { REALTIME_PATH, REALTIME_SUBPROTOCOL } from '../../src/contract/realtime/protocol.js';

/** Pushes that a client gets before it acknowledges. */
const ACK_EVERY = 64;
/** Handshakes in progress. More would only wait in the accept queue. */
const OPENING_MAX = 200;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;
const ENGINE_PING = '2';
const ENGINE_PONG = '3';
const ENGINE_CONNECT = '40';
const ENGINE_EVENT = '42';

export type Protocol = 'parley' | 'ws' | 'socket.io';

export interface SwarmOptions {
  protocol: Protocol;
  /** Where a client connects now: a load balancer. */
  address(client: number): string;
  token?(client: number): Promise<string>;
  onEvent?(client: number, text: string): void;
}

interface Client {
  number: number;
  socket: WebSocket | null;
  since: string | undefined;
  lastPush: number;
  isLive: boolean;
  attempts: number;
}

export class Swarm {
  readonly clients: Client[];
  events = 0;
  /** Connections closed with 1013: the process was full. */
  refused = 0;
  /** When each reconnect was complete, in milliseconds of `performance.now()`. */
  readonly reconnectedAt: number[] = [];
  private opening = 0;
  private readonly waiting: Client[] = [];
  private isStopped = false;

  constructor(
    private readonly options: SwarmOptions,
    count: number,
  ) {
    this.clients = Array.from({ length: count }, (_, number) => {
      return { number, socket: null, since: undefined, lastPush: 0, isLive: false, attempts: 0 };
    });
  }

  get live(): number {
    return this.clients.filter(({ isLive }) => isLive).length;
  }

  start(): void {
    for (const client of this.clients) this.enqueue(client);
  }

  stop(): void {
    this.isStopped = true;
    for (const { socket } of this.clients) socket?.terminate();
  }

  private enqueue(client: Client): void {
    this.waiting.push(client);
    this.next();
  }

  private next(): void {
    while (!this.isStopped && this.opening < OPENING_MAX) {
      const client = this.waiting.shift();
      if (client === undefined) return;
      this.opening += 1;
      void this.open(client).finally(() => {
        this.opening -= 1;
        this.next();
      });
    }
  }

  /** Resolves when the client is live, or its connection has ended. */
  private async open(client: Client): Promise<void> {
    const { protocol, address, token } = this.options;
    const base = address(client.number);
    const socket =
      protocol === 'parley'
        ? new WebSocket(`${base}${REALTIME_PATH}`, [REALTIME_SUBPROTOCOL])
        : new WebSocket(protocol === 'ws' ? base : `${base}/socket.io/?EIO=4&transport=websocket`);
    client.socket = socket;
    client.lastPush = 0;
    const isBack = client.attempts > 0;
    return new Promise((resolve) => {
      const live = () => {
        if (!client.isLive && isBack) this.reconnectedAt.push(performance.now());
        client.isLive = true;
        resolve();
      };
      socket.on('error', () => undefined); // `close` follows.
      socket.on('open', () => {
        if (protocol === 'ws') live();
        if (protocol === 'socket.io') socket.send(ENGINE_CONNECT);
        if (protocol === 'parley' && token !== undefined)
          void token(client.number).then((value) => {
            const { since } = client;
            socket.send(JSON.stringify({ t: 'auth', token: value, ...(since === undefined ? {} : { since }) }));
          });
      });
      socket.on('message', (data: Buffer) => this.take(client, socket, data.toString('utf8'), live));
      socket.on('close', (code) => {
        client.isLive = false;
        resolve();
        if (code === 1013) this.refused += 1;
        client.attempts += 1;
        const limit = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** client.attempts);
        if (!this.isStopped) setTimeout(() => this.enqueue(client), Math.random() * limit);
      });
    });
  }

  private take(client: Client, socket: WebSocket, text: string, live: () => void): void {
    const { protocol, onEvent } = this.options;
    if (protocol === 'parley') {
      // Parsed only where needed: the load driver shares the processors.
      if (text.startsWith('{"t":"event"')) {
        this.events += 1;
        this.acknowledge(client, socket, text);
        onEvent?.(client.number, text);
      } else if (text.startsWith('{"t":"mark"')) {
        client.since = (JSON.parse(text) as { token: string }).token;
        this.acknowledge(client, socket, text);
      } else if (text.startsWith('{"t":"sync"')) {
        const { page } = JSON.parse(text) as { page: { next: string; hasMore: boolean } };
        client.since = page.next;
        if (!page.hasMore) live();
      }
    } else if (protocol === 'ws') {
      this.events += 1;
      onEvent?.(client.number, text);
    } else if (text === ENGINE_PING) socket.send(ENGINE_PONG);
    else if (text.startsWith(ENGINE_CONNECT)) live();
    else if (text.startsWith(ENGINE_EVENT)) {
      this.events += 1;
      onEvent?.(client.number, text);
    }
  }

  private acknowledge(client: Client, socket: WebSocket, text: string): void {
    const n = Number(/"n":(\d+)/.exec(text.slice(0, 40))?.[1]);
    if (n - client.lastPush < ACK_EVERY && !text.startsWith('{"t":"mark"')) return;
    client.lastPush = n;
    socket.send(`{"t":"ack","n":${n}}`);
  }
}
