/**
 * A client of a gateway with a ledger: what it has of each chat, by sequence. It notes everything that a gateway must
 * never do, and fails when it is asked for its state then.
 */
import { WebSocket } from 'ws';
import type { ClientFrame } from '../../../src/contract/realtime/client-frames.js';
import { REALTIME_SUBPROTOCOL } from '../../../src/contract/realtime/protocol.js';
import type { PushedEvent, ServerFrame, ServerFrameOf } from '../../../src/contract/realtime/server-frames.js';
import { eventually } from '../eventually.js';

const WITHIN_MS = 20_000;

export interface KeptChat {
  /** The first sequence that the client holds. Every later one follows without a gap. */
  first: number;
  events: { sequence: number; type: string; content: string }[];
  /** The last event is the end of a large chat that was not open: it came without what was before it. */
  hasGapBeforeEnd?: boolean;
}

export interface ClientOptions {
  url: () => string;
  token: () => Promise<string>;
  acks?: boolean;
  /** Gets each frame as it came. */
  onText?(frame: string): void;
}

export class RealtimeTestClient {
  readonly frames: ServerFrame[] = [];
  readonly chats = new Map<string, KeptChat>();
  readonly faults: string[] = [];
  /** Where to resume from. */
  since: string | undefined;
  closedWith: number | null = null;
  repeats = 0;
  /** Chats with content that was announced and not sent. */
  readonly changed = new Set<string>();
  isLive = false;
  private socket: WebSocket | null = null;
  private pushed = 0;
  private userId = '';

  constructor(private readonly options: ClientOptions) {}

  get isConnected(): boolean {
    return this.socket !== null && this.closedWith === null;
  }

  /** Resolves when the connection is live, with the frames since. */
  async connect(): Promise<void> {
    await this.open();
    await this.until('sync', ({ page }) => !page.hasMore);
  }

  async open(since = this.since): Promise<void> {
    this.closedWith = null;
    this.pushed = 0;
    this.frames.length = 0;
    this.isLive = false;
    const socket = new WebSocket(`${this.options.url().replace('http', 'ws')}/v1/realtime`, [REALTIME_SUBPROTOCOL]);
    this.socket = socket;
    const isCurrent = () => this.socket === socket;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      if (!isCurrent()) return;
      const text = data.toString('utf8');
      this.options.onText?.(text);
      this.take(JSON.parse(text) as ServerFrame);
    });
    socket.on('close', (code) => {
      if (!isCurrent()) return;
      this.closedWith = code;
      this.isLive = false;
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const token = await this.options.token();
    this.send({ t: 'auth', token, ...(since === undefined ? {} : { since }) });
  }

  send(frame: ClientFrame): void {
    this.raw(JSON.stringify(frame));
  }

  raw(text: string | Buffer): void {
    this.socket?.send(text);
  }

  /** As a cut cable: the gateway hears nothing. */
  async drop(): Promise<void> {
    const { socket } = this;
    this.socket = null;
    this.isLive = false;
    socket?.terminate();
  }

  async command(
    id: string,
    type: string,
    chatId: string | undefined,
    data: unknown,
  ): Promise<ServerFrameOf<'receipt'>> {
    this.send({ t: 'command', id, type, ...(chatId === undefined ? {} : { chatId }), data });
    return this.until('receipt', (frame) => frame.id === id);
  }

  async until<T extends ServerFrame['t']>(
    t: T,
    holds: (frame: ServerFrameOf<T>) => boolean = () => true,
    within = WITHIN_MS,
  ): Promise<ServerFrameOf<T>> {
    return eventually(
      () => this.frames.find((frame): frame is ServerFrameOf<T> => frame.t === t && holds(frame as ServerFrameOf<T>)),
      { within, what: `a frame ${t}` },
    );
  }

  closed(within = WITHIN_MS): Promise<number> {
    return eventually(() => this.closedWith, { within, what: 'the end of the connection' });
  }

  /** Texts of a chat, in order. */
  texts(chatId: string): (string | null)[] {
    const events = this.chats.get(chatId)?.events ?? [];
    return events.flatMap(({ content }) => {
      const { type, data } = JSON.parse(content) as PushedEvent;
      return type === 'message.created' ? [data.body] : [];
    });
  }

  private take(frame: ServerFrame): void {
    this.frames.push(frame);
    if ('n' in frame) {
      if (frame.n !== this.pushed + 1) this.faults.push(`push ${frame.n} after ${this.pushed}`);
      this.pushed = frame.n;
    }
    if (frame.t === 'sync') {
      for (const item of frame.page.items) {
        if ('left' in item) this.chats.delete(item.chatId);
        else {
          if (item.reset) this.chats.delete(item.chatId);
          for (const event of item.events) this.apply(item.chatId, event as unknown as PushedEvent, true);
        }
      }
      this.since = frame.page.next;
      this.isLive = !frame.page.hasMore;
      if (this.isLive) this.changed.clear();
    } else if (frame.t === 'hello') this.userId = frame.userId;
    else if (frame.t === 'event') this.applyLive(frame.event);
    else if (frame.t === 'mark') this.since = frame.token;
    else if (frame.t === 'changed') this.changed.add(frame.chatId);
    else if (frame.t === 'resync') {
      this.isLive = false;
      if (frame.scope === 'all') {
        this.chats.clear();
        this.since = undefined;
      }
    }
    if ('n' in frame && this.options.acks !== false) this.send({ t: 'ack', n: frame.n });
  }

  private applyLive(event: PushedEvent): void {
    const { data } = event;
    for (const field of ['recipients', 'forActor', 'recipientCount', 'mentionedOutsiders'])
      if (field in data) this.faults.push(`an event has ${field}`);
    if (!('chatId' in data) || !('sequence' in data) || typeof data.chatId !== 'string') return;
    this.apply(data.chatId, event, false);
  }

  private apply(chatId: string, event: PushedEvent, isPage: boolean): void {
    const sequence = 'sequence' in event.data ? event.data.sequence : null;
    if (typeof sequence !== 'number') return;
    const kept = this.chats.get(chatId);
    const content = JSON.stringify(event);
    if (kept === undefined) {
      if (!isPage) this.faults.push(`${event.type} ${sequence} of a chat that no page has brought`);
      this.chats.set(chatId, { first: sequence, events: [{ sequence, type: event.type, content }] });
      return;
    }
    // The user is back: what follows begins before the gap.
    if (isPage && kept.hasGapBeforeEnd) {
      kept.events.pop();
      kept.hasGapBeforeEnd = false;
    }
    const next = kept.first + kept.events.length;
    if (sequence < next) {
      this.repeats += 1;
      return;
    }
    // The end of a large chat that is not open comes without what was before it.
    const isOwnEnd = event.type === 'member.removed' && event.data.userId === this.userId;
    if (sequence > next && !isOwnEnd) this.faults.push(`${event.type} ${sequence} of ${chatId} came after ${next - 1}`);
    else {
      kept.events.push({ sequence, type: event.type, content });
      if (sequence > next) kept.hasGapBeforeEnd = true;
    }
  }
}
