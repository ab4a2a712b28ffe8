/** Many clients in this process: they connect, keep a ledger, acknowledge, and come back if cut off. */
import { WebSocket } from 'ws';
import { CLOSE_CODES, REALTIME_PATH, REALTIME_SUBPROTOCOL } from '../../src/contract/realtime/protocol.js';
import type { ServerFrame } from '../../src/contract/realtime/server-frames.js';

/** Pushes that a client gets before it acknowledges. */
const ACK_EVERY = 64;
/** Handshakes in progress. More would only wait in the accept queue of the operating system. */
const OPENING_MAX = 1_500;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;
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
  /** Called with the text of each pushed event. */
  onEvent?(client: number, text: string): void;
  /** Whether each event is held against those before it. It costs the load driver a parse of every frame. */
  hasLedger?: boolean;
}

interface Client {
  number: number;
  socket: WebSocket | null;
  since: string | undefined;
  lastPush: number;
  isLive: boolean;
  wasLive: boolean;
  attempts: number;
  lostAt: number | null;
  /** The last sequence of each chat. */
  chats: Map<string, number>;
}

export class Swarm {
  readonly clients: Client[];
  live = 0;
  events = 0;
  /** Connections closed with 1013: the process was full. */
  refused = 0;
  /** Sequences that were skipped. */
  gaps = 0;
  /** Events that came again after a resume. A client drops them by their sequence. */
  repeats = 0;
  /** Resyncs by reason. */
  readonly resyncs = new Map<string, number>();
  /** When each reconnect was complete, in milliseconds of `performance.now()`, and how long the client was away. */
  readonly reconnects: { at: number; absenceMs: number }[] = [];
  private opening = 0;
  private readonly waiting: Client[] = [];
  private isStopped = false;

  constructor(
    private readonly options: SwarmOptions,
    count: number,
  ) {
    this.clients = Array.from({ length: count }, (_, number) => {
      const link = { socket: null, since: undefined, lastPush: 0, isLive: false, wasLive: false };
      return { number, ...link, attempts: 0, lostAt: null, chats: new Map() };
    });
  }

  start(): void {
    for (const client of this.clients) this.enqueue(client);
  }

  stop(): void {
    this.isStopped = true;
    for (const { socket } of this.clients) socket?.terminate();
  }

  /** Events that clients lack. `last`: the last sequence of each chat of a client. */
  missed(last: (client: number) => ReadonlyMap<string, number>): number {
    let missed = 0;
    for (const { number, chats } of this.clients)
      for (const [chatId, sequence] of last(number)) missed += Math.max(0, sequence - (chats.get(chatId) ?? 0));
    return missed;
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
  private open(client: Client): Promise<void> {
    const { protocol, address, token } = this.options;
    const base = address(client.number);
    const socket =
      protocol === 'parley'
        ? new WebSocket(`${base}${REALTIME_PATH}`, [REALTIME_SUBPROTOCOL])
        : new WebSocket(protocol === 'ws' ? base : `${base}/socket.io/?EIO=4&transport=websocket`);
    client.socket = socket;
    client.lastPush = 0;
    return new Promise((resolve) => {
      const live = () => {
        this.becameLive(client);
        resolve();
      };
      let retryAfterMs = 0;
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
      socket.on('message', (data: Buffer) => {
        const text = data.toString('utf8');
        if (text.startsWith('{"t":"bye"')) retryAfterMs = (JSON.parse(text) as { retryAfterMs: number }).retryAfterMs;
        else this.take(client, socket, text, live);
      });
      socket.on('close', (code) => {
        resolve();
        this.becameLost(client, code, retryAfterMs);
      });
    });
  }

  private becameLive(client: Client): void {
    if (client.isLive) return;
    client.isLive = true;
    client.attempts = 0;
    this.live += 1;
    const at = performance.now();
    if (client.lostAt !== null) this.reconnects.push({ at, absenceMs: at - client.lostAt });
    client.lostAt = null;
    client.wasLive = true;
  }

  private becameLost(client: Client, code: number, retryAfterMs: number): void {
    if (client.isLive) this.live -= 1;
    client.isLive = false;
    if (client.wasLive) client.lostAt ??= performance.now();
    if (code === CLOSE_CODES.overloaded.code) this.refused += 1;
    client.attempts += 1;
    // As the client library: full jitter, on top of what the gateway asks for.
    const limit = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (client.attempts - 1));
    if (!this.isStopped) setTimeout(() => this.enqueue(client), retryAfterMs + Math.random() * limit);
  }

  private take(client: Client, socket: WebSocket, text: string, live: () => void): void {
    const { protocol, onEvent, hasLedger } = this.options;
    if (protocol === 'parley') {
      // Parsed only where needed: the load driver shares the processors.
      if (text.startsWith('{"t":"event"')) {
        this.events += 1;
        if (hasLedger) this.note(client, (JSON.parse(text) as Extract<ServerFrame, { t: 'event' }>).event.data);
        this.acknowledge(client, socket, text);
        onEvent?.(client.number, text);
      } else if (text.startsWith('{"t":"mark"')) {
        client.since = (JSON.parse(text) as { token: string }).token;
        this.acknowledge(client, socket, text);
      } else if (text.startsWith('{"t":"sync"')) {
        const { page } = JSON.parse(text) as Extract<ServerFrame, { t: 'sync' }>;
        for (const item of page.items) {
          if ('left' in item || item.reset) client.chats.delete(item.chatId);
          if (!('left' in item)) for (const event of item.events) this.note(client, event.data);
        }
        client.since = page.next;
        if (!page.hasMore) live();
      } else if (text.startsWith('{"t":"resync"')) {
        const { reason, scope } = JSON.parse(text) as Extract<ServerFrame, { t: 'resync' }>;
        this.resyncs.set(reason, (this.resyncs.get(reason) ?? 0) + 1);
        if (scope === 'all') client.chats.clear();
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

  private note({ chats }: Client, data: object): void {
    const { chatId, sequence } = data as { chatId?: string; sequence?: number | null };
    if (chatId === undefined || typeof sequence !== 'number') return;
    const last = chats.get(chatId);
    if (last !== undefined && sequence <= last) {
      this.repeats += 1;
      return;
    }
    this.gaps += sequence - (last ?? 0) - 1;
    chats.set(chatId, sequence);
  }

  private acknowledge(client: Client, socket: WebSocket, text: string): void {
    const n = Number(/"n":(\d+)/.exec(text.slice(0, 40))?.[1]);
    if (n - client.lastPush < ACK_EVERY && !text.startsWith('{"t":"mark"')) return;
    client.lastPush = n;
    socket.send(`{"t":"ack","n":${n}}`);
  }
}
