import type { CommandType } from '../../contract/messages/commands.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { ClientFrame } from '../../contract/realtime/client-frames.js';
import {
  afterClose,
  CLOSE_CODES,
  REALTIME_PATH,
  REALTIME_SUBPROTOCOL,
  type ResyncReason,
} from '../../contract/realtime/protocol.js';
import type { PresenceStatus, ServerFrame, ServerFrameOf } from '../../contract/realtime/server-frames.js';
import { type CommandOptions, CommandQueue, type RealtimeCommand, randomId } from './command-queue.js';
import { type ConnectionEvent, type ConnectionState, INITIAL_STATE, transition } from './connection-state.js';
import { DeviceState } from './device-state.js';
import {
  Feed,
  type FeedChange,
  type FeedEvent,
  type FeedFrame,
  type FeedStore,
  isFeedFrame,
  PlaceOnly,
} from './feed.js';
import { RealtimeError, type RealtimeErrorCode } from './realtime-error.js';
import { Alarm, reconnectDelayMs, systemTime, type Time } from './time.js';
import { platformWebSocket, Socket, type WebSocketClass } from './web-socket.js';

/** Maximum time of the `token` callback. */
export const TOKEN_TIMEOUT_MS = 30_000;
/** Maximum time from the beginning of a connection to `hello`. */
export const HELLO_TIMEOUT_MS = 15_000;
/** A connection that was up for this time resets the backoff. */
export const STABLE_AFTER_MS = 30_000;
/** A client that hears nothing for this many heartbeats connects again. */
export const SILENT_HEARTBEATS = 2.5;
/** A token is renewed this long before it expires, or after 80 % of its rest, whichever comes first. */
export const RENEW_BEFORE_MS = 60_000;
const RENEW_SHARE = 0.8;
/** Minimum time between two renewals, and after a failed one. */
export const RENEW_INTERVAL_MIN_MS = 5_000;
/** Pushes are acknowledged after this time, or when they are a quarter of the gateway's maximum. */
export const ACK_DELAY_MS = 100;
const ACK_SHARE = 4;
/** A gap that the gateway does not explain in this time ends the connection: a sync fills it. */
export const GAP_PATIENCE_MS = 5_000;
/** Default. Bytes of frames that wait for the store. Above it the client connects again, from where the store is. */
export const INBOX_MAX_BYTES = 32 * 1024 * 1024;
/** Frames of one transaction of the store. */
const BATCH_MAX_FRAMES = 256;
/** Connections in a row that are refused for their token before `hello`. Then the client ends. */
export const TOKEN_REFUSALS_MAX = 3;

/** Why a token is asked for. After `refused` a cached token is of no use. */
export type TokenNeed = 'connect' | 'renew' | 'refused';

export interface Presence {
  userId: string;
  status: PresenceStatus;
  lastSeenAt: string | null;
}

/** Callbacks are called in the order of the frames. Their errors go to `onError`, as `handler_failed`. */
export interface RealtimeHandlers {
  /** An event, once and in order per chat. Called after the store has it. */
  onEvent?(event: FeedEvent): void;
  /**
   * Changes of the copy, in order, after the store has them. `onEvent` is called for the events among them, too. After
   * `store_failed` neither is called for changes that the store has all the same: read the store.
   */
  onChanges?(changes: readonly FeedChange[]): void;
  onState?(state: ConnectionState): void;
  /** The gateway walks again. `scope` `all`: everything was dropped. */
  onResync?(resync: { reason: ResyncReason; scope: 'mark' | 'all' }): void;
  /** The chat has events that come later: after `openChat`, with a resync, or over REST. */
  onChanged?(changed: { chatId: string; lastSequence: number }): void;
  onTyping?(typing: { chatId: string; userId: string; on: boolean }): void;
  onPresence?(presence: Presence): void;
  /** Resume with it as `since`. A store keeps it by itself. */
  onResumeToken?(token: string): void;
  /** Everything that went wrong, also what is retried. Default: `console.error` with its name and text. */
  onError?(error: RealtimeError): void;
}

export interface RealtimeOptions extends RealtimeHandlers {
  /** The gateway: `wss://chat.example`, with or without the path `/v1/realtime`. `https:` and `http:` work as well. */
  url: string;
  /** Returns an access token, as for REST. Called for each connection and renewal. */
  token(need: TokenNeed): Promise<string> | string;
  /**
   * Where to begin without a store, or with an empty one: a resume token, `now` for what happens from now on. Default:
   * everything.
   */
  since?: string;
  /** Keeps the copy, such as a `ChatStore`. Default: only the place is kept, in memory. */
  store?: FeedStore;
  /** A WebSocket class. Default: `globalThis.WebSocket`. Node 20 has none: pass that of the package `ws`. */
  webSocket?: WebSocketClass;
  /** Name of the device for the gateway's log, at most 64 characters. */
  device?: string;
  /** Maximum number of commands without a receipt. Default 1,000. */
  queueMaxCommands?: number;
  /** Maximum bytes of commands without a receipt. Default 4 MiB. */
  queueMaxBytes?: number;
  /** Maximum bytes of frames that wait for the store. Default 32 MiB. */
  inboxMaxBytes?: number;
  /** For tests. */
  time?: Time;
}

/** One connection, from the token to its end. */
interface Link {
  socket: Socket | null;
  hello: ServerFrameOf<'hello'> | null;
  inbox: { frame: FeedFrame; chars: number }[];
  inboxChars: number;
  bye: ServerFrameOf<'bye'> | null;
  acked: number;
  processed: number;
  heardAt: number;
}

/** Connects, and stays connected until `close`. */
export function connectRealtime(options: RealtimeOptions): RealtimeClient {
  const client = new RealtimeClient(options);
  client.start();
  return client;
}

/** Use `connectRealtime`. */
export class RealtimeClient {
  readonly #time: Time;
  readonly #url: string;
  readonly #store: FeedStore;
  readonly #commands: CommandQueue;
  readonly #device: DeviceState;
  readonly #inboxMaxChars: number;
  readonly #silence: Alarm;
  readonly #renewal: Alarm;
  readonly #ack: Alarm;
  readonly #gap: Alarm;
  readonly #retry: Alarm;
  readonly #stable: Alarm;
  #state: ConnectionState = INITIAL_STATE;
  #link: Link | null = null;
  /** What the store has. Null: to be loaded. */
  #feed: Feed | null = null;
  /** The transaction that runs. */
  #draining: Promise<void> | null = null;
  #tokenRefusals = 0;

  constructor(private readonly options: RealtimeOptions) {
    const { time = systemTime, store, queueMaxCommands, queueMaxBytes, inboxMaxBytes, url } = options;
    this.#time = time;
    this.#url = socketUrl(url);
    this.#store = store ?? new PlaceOnly();
    this.#commands = new CommandQueue(time, queueMaxCommands, queueMaxBytes);
    this.#device = new DeviceState(time);
    this.#inboxMaxChars = inboxMaxBytes ?? INBOX_MAX_BYTES;
    this.#silence = new Alarm(time);
    this.#renewal = new Alarm(time);
    this.#ack = new Alarm(time);
    this.#gap = new Alarm(time);
    this.#retry = new Alarm(time);
    this.#stable = new Alarm(time);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Commands without a receipt. */
  get pendingCommands(): number {
    return this.#commands.size;
  }

  /** @internal Called once, by `connectRealtime`. */
  start(): void {
    this.#notify('onState', this.#state);
    void this.#attempt('connect');
  }

  /**
   * Sends a command, now or as soon as there is a connection. Resolves with its receipt, which can be `rejected`.
   * Rejects with `CommandFailed`. Commands of one chat are sent one after the other.
   */
  send<T extends CommandType>(type: T, command: RealtimeCommand<T>, options: CommandOptions = {}): Promise<Receipt> {
    const { commandId = randomId(), timeoutMs } = options;
    return this.#commands.submit(type, command.chatId, command.data, commandId, timeoutMs);
  }

  /** The chat is on screen: its `typing` and, if it is large, its content are sent. Throws `limit`. */
  openChat(chatId: string): void {
    this.#device.open(chatId);
  }

  closeChat(chatId: string): void {
    this.#device.close(chatId);
  }

  /** Call it at each key. It is sent at most once in 5 s, and ends by itself after 8 s. */
  typing(chatId: string, on: boolean): void {
    this.#device.typing(chatId, on);
  }

  /** `onPresence` is called for these users. Replaces the last list. Throws `limit`. */
  watch(userIds: readonly string[]): void {
    this.#device.watch(userIds);
  }

  /** The user is active on this device. Call it at each key or click: it is sent at most once a minute. */
  active(): void {
    this.#device.active();
  }

  /** Ends a pause before a reconnect, for example at the browser's event `online`. */
  wake(): void {
    if (this.#state.kind !== 'waiting') return;
    this.#retry.cancel();
    this.#reconnect();
  }

  /** Closes the connection. Commands without a receipt fail with `closed`. Resolves when the store is not used. */
  async close(): Promise<void> {
    this.#end(new RealtimeError('closed', 'the program closed the client'));
    await this.#draining;
  }

  // The connection

  #reconnect(): void {
    const { cause } = this.#state as { cause?: RealtimeError };
    void this.#attempt(cause?.code === 'token_refused' ? 'refused' : 'connect');
  }

  /** Never rejects. */
  async #attempt(need: TokenNeed): Promise<void> {
    this.#become({ kind: 'attempt' });
    const link: Link = {
      ...{ socket: null, hello: null, inbox: [], inboxChars: 0, bye: null, acked: 0, processed: 0, heardAt: 0 },
    };
    this.#link = link;
    try {
      await this.#draining;
      this.#feed ??= new Feed(await this.#store.load());
      this.#feed.resume();
    } catch (cause) {
      this.#lose(link, new RealtimeError('store_failed', 'the copy cannot be read', { cause }));
      return;
    }
    const token = await this.#token(need).catch((error: RealtimeError) => error);
    if (this.#link !== link) return;
    if (token instanceof RealtimeError) this.#lose(link, token);
    else this.#open(link, token);
  }

  /** Rejects with `token_unavailable`. */
  #token(need: TokenNeed): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) =>
        reject(new RealtimeError('token_unavailable', 'there is no token', cause === undefined ? {} : { cause }));
      const alarm = new Alarm(this.#time);
      alarm.set(TOKEN_TIMEOUT_MS, () => fail(new Error(`the token took longer than ${TOKEN_TIMEOUT_MS} ms`)));
      new Promise<string>((given) => given(this.options.token(need)))
        .then((token) => (token ? resolve(token) : fail(new Error('the token is empty'))), fail)
        .finally(() => alarm.cancel());
    });
  }

  #open(link: Link, token: string): void {
    const WebSocket = this.options.webSocket ?? platformWebSocket();
    if (WebSocket === undefined) {
      this.#end(new RealtimeError('no_websocket', 'this platform has no WebSocket: pass one as `webSocket`'));
      return;
    }
    this.#silence.set(HELLO_TIMEOUT_MS, () =>
      this.#lose(link, new RealtimeError('hello_timeout', `no hello in ${HELLO_TIMEOUT_MS} ms`)),
    );
    try {
      link.socket = new Socket(new WebSocket(this.#url, [REALTIME_SUBPROTOCOL]), {
        onOpen: () => this.#sendFrame(link, this.#authFrame(token)),
        onMessage: (text) => this.#received(link, text),
        onClose: (code, reason) => this.#closed(link, code, reason),
      });
    } catch (cause) {
      // Not a URL, or not an allowed one.
      this.#end(new RealtimeError('unreachable', 'the WebSocket cannot be made', { cause }));
    }
  }

  #authFrame(token: string): ClientFrame {
    const { device } = this.options;
    // A copy that was used and has no token was dropped: it begins from nothing.
    const from = this.#feed?.resumeToken ?? (this.#feed?.owner === null ? this.options.since : undefined);
    return {
      ...{ t: 'auth', token },
      ...(from === undefined ? {} : { since: from }),
      ...(device === undefined ? {} : { device }),
    };
  }

  #sendFrame(link: Link, frame: ClientFrame): void {
    link.socket?.send(JSON.stringify(frame));
  }

  #closed(link: Link, socketCode: number, socketReason: string): void {
    if (this.#link !== link) return;
    const bye: Pick<ServerFrameOf<'bye'>, 'code' | 'reason' | 'detail' | 'retryAfterMs'> = link.bye ?? {
      ...{ code: socketCode, reason: socketReason, retryAfterMs: null },
    };
    const { code, reason, detail = '', retryAfterMs } = bye;
    const text = `the gateway closed the connection: ${code} ${reason} ${detail}`.trimEnd();
    const options = { closeCode: code, retryAfterMs };
    switch (afterClose(code)) {
      case 'do_not_retry':
        this.#end(new RealtimeError('closed_by_gateway', text, options));
        return;
      case 'new_token': {
        const error = new RealtimeError('token_refused', text, options);
        // A token that expired on a connection is no refusal.
        if (link.hello === null) this.#tokenRefusals += 1;
        if (this.#tokenRefusals >= TOKEN_REFUSALS_MAX) this.#end(error);
        else this.#lose(link, error);
        return;
      }
      case 'retry': {
        const isKnown = link.bye !== null || Object.values(CLOSE_CODES).some((known) => known.code === code);
        const name: RealtimeErrorCode = isKnown ? 'closed_by_gateway' : 'unreachable';
        this.#lose(link, new RealtimeError(name, isKnown ? text : `the connection ended: ${code}`, options));
      }
    }
  }

  /** Ends this connection. Another one follows. */
  #lose(link: Link, cause: RealtimeError): void {
    if (this.#link !== link || this.#state.kind === 'ended') return;
    this.#drop(cause.code === 'silent' || cause.code === 'hello_timeout');
    const delayMs = reconnectDelayMs(this.#state.failures, cause.retryAfterMs, this.#time);
    this.#become({ kind: 'lost', cause, retryAt: this.#time.now() + delayMs });
    this.#report(cause);
    // A handler can have ended the client, or woken it.
    if (this.#state.kind === 'waiting' && !this.#retry.isSet) this.#retry.set(delayMs, () => this.#reconnect());
  }

  /** Ends the client. */
  #end(cause: RealtimeError): void {
    if (this.#state.kind === 'ended') return;
    this.#drop(false);
    this.#retry.cancel();
    this.#become({ kind: 'end', cause });
    this.#commands.close(cause);
    if (cause.code !== 'closed') this.#report(cause);
  }

  #drop(isDead: boolean): void {
    const link = this.#link;
    this.#link = null;
    for (const alarm of [this.#silence, this.#renewal, this.#ack, this.#gap, this.#stable]) alarm.cancel();
    this.#commands.disconnected();
    this.#device.disconnected();
    link?.socket?.abandon(isDead);
  }

  #become(event: ConnectionEvent): void {
    const next = transition(this.#state, event);
    if (next === this.#state) return;
    this.#state = next;
    this.#notify('onState', next);
  }

  // Frames

  #received(link: Link, text: string | null): void {
    if (this.#link !== link) return;
    const frame = text === null ? null : parseFrame(text);
    if (frame === null) {
      this.#lose(link, new RealtimeError('bad_frame', 'the gateway sent what is not a frame'));
      return;
    }
    link.heardAt = this.#time.now();
    if (isFeedFrame(frame)) this.#take(link, frame, text?.length ?? 0);
    else this.#handle(link, frame);
  }

  #handle(link: Link, frame: Exclude<ServerFrame, FeedFrame>): void {
    switch (frame.t) {
      case 'hello':
        this.#greeted(link, frame);
        return;
      case 'receipt':
        this.#commands.received(frame);
        return;
      case 'failed':
        this.#commands.failed(frame);
        return;
      case 'typing':
        this.#notify('onTyping', { chatId: frame.chatId, userId: frame.userId, on: frame.on });
        return;
      case 'presence':
        this.#notify('onPresence', { userId: frame.userId, status: frame.status, lastSeenAt: frame.lastSeenAt });
        return;
      case 'bye':
        link.bye = frame;
        return;
      default: // `beat`, and frames of later releases.
    }
  }

  #greeted(link: Link, hello: ServerFrameOf<'hello'>): void {
    const isFirst = link.hello === null;
    link.hello = hello;
    this.#tokenRefusals = 0;
    this.#listen(link, hello.heartbeatMs);
    this.#planRenewal(link, hello.tokenExpiresAt);
    if (!isFirst) return;
    const { connectionId, userId, tenantId, limits } = hello;
    const { owner } = this.#feed ?? { owner: null };
    if (owner !== null && (owner.userId !== userId || owner.tenantId !== tenantId)) {
      this.#end(new RealtimeError('other_user', 'the token is of another user than the data of this client'));
      return;
    }
    this.#become({ kind: 'hello', connection: { connectionId, userId, tenantId } });
    if (this.#link !== link) return;
    this.#stable.set(STABLE_AFTER_MS, () => this.#become({ kind: 'stable' }));
    this.#device.connected((frame) => this.#sendFrame(link, frame), limits);
    this.#commands.connected((text) => link.socket?.send(text), limits);
  }

  #listen(link: Link, heartbeatMs: number): void {
    const silentMs = SILENT_HEARTBEATS * heartbeatMs;
    const look = () => {
      const restMs = link.heardAt + silentMs - this.#time.now();
      if (restMs > 0) this.#silence.set(restMs, look);
      else this.#lose(link, new RealtimeError('silent', `nothing was heard for ${silentMs} ms`));
    };
    this.#silence.set(silentMs, look);
  }

  #planRenewal(link: Link, expiresAt: string | null): void {
    this.#renewal.cancel();
    if (expiresAt === null) return;
    const restMs = Date.parse(expiresAt) - this.#time.now();
    const inMs = Math.max(Math.min(restMs * RENEW_SHARE, restMs - RENEW_BEFORE_MS), RENEW_INTERVAL_MIN_MS);
    this.#renewal.set(inMs, () => void this.#renew(link, expiresAt));
  }

  /** Never rejects. */
  async #renew(link: Link, expiresAt: string): Promise<void> {
    try {
      const token = await this.#token('renew');
      // `hello` answers, and plans the next renewal.
      if (this.#link === link) this.#sendFrame(link, { t: 'auth', token });
    } catch (error) {
      if (this.#link !== link) return;
      this.#report(error as RealtimeError);
      this.#planRenewal(link, expiresAt);
    }
  }

  // The feed

  #take(link: Link, frame: FeedFrame, chars: number): void {
    link.inbox.push({ frame, chars });
    link.inboxChars += chars;
    if (link.inboxChars > this.#inboxMaxChars && link.inbox.length > 1)
      this.#lose(link, new RealtimeError('inbox_full', `more than ${this.#inboxMaxChars} bytes wait for the store`));
    else if (this.#draining === null) this.#draining = this.#drain(link);
  }

  /** Applies what waits, in transactions of the store. Never rejects. */
  async #drain(link: Link): Promise<void> {
    await null; // What comes at the same moment becomes one transaction.
    while (this.#link === link && link.inbox.length > 0) await this.#applyBatch(link);
    this.#draining = null;
  }

  async #applyBatch(link: Link): Promise<void> {
    const { hello } = link;
    const feed = this.#feed;
    const batch = link.inbox.splice(0, BATCH_MAX_FRAMES);
    for (const { chars } of batch) link.inboxChars -= chars;
    if (feed === null || hello === null) {
      this.#lose(link, new RealtimeError('bad_frame', 'the gateway sent a frame before hello'));
      return;
    }
    const changes = feed.claim(hello);
    const frames: FeedFrame[] = [];
    let failure: 'gap' | 'hole' | null = null;
    for (const { frame } of batch) {
      const more = feed.apply(frame);
      if (typeof more === 'string') {
        failure = more;
        break;
      }
      changes.push(...more);
      frames.push(frame);
    }
    if (failure === 'hole') changes.push(...feed.clear());
    try {
      if (changes.length > 0) await this.#store.apply(changes);
    } catch (cause) {
      this.#feed = null;
      const error = new RealtimeError('store_failed', 'the changes cannot be kept', { cause });
      if (this.#link === link) this.#lose(link, error);
      else this.#report(error);
      return;
    }
    this.#announce(changes, frames);
    if (this.#link !== link) return;
    this.#acknowledge(link, frames);
    if (failure === null) this.#watchGaps(link, feed);
    else
      this.#lose(link, new RealtimeError('gap', `events are missing before a ${failure === 'gap' ? 'mark' : 'page'}`));
  }

  #announce(changes: readonly FeedChange[], frames: readonly FeedFrame[]): void {
    if (changes.length > 0) this.#notify('onChanges', changes);
    for (const change of changes)
      if (change.kind === 'event') this.#notify('onEvent', change.event);
      else if (change.kind === 'token') this.#notify('onResumeToken', change.token);
    for (const frame of frames)
      if (frame.t === 'resync') {
        this.#become({ kind: 'walk' });
        this.#notify('onResync', { reason: frame.reason, scope: frame.scope });
      } else if (frame.t === 'changed')
        this.#notify('onChanged', { chatId: frame.chatId, lastSequence: frame.lastSequence });
      else if (frame.t === 'sync' && !frame.page.hasMore) this.#become({ kind: 'walked' });
  }

  #acknowledge(link: Link, frames: readonly FeedFrame[]): void {
    for (const frame of frames) if ('n' in frame) link.processed = frame.n;
    const open = link.processed - link.acked;
    if (open === 0) return;
    const send = () => {
      link.acked = link.processed;
      this.#sendFrame(link, { t: 'ack', n: link.acked });
    };
    if (open * ACK_SHARE >= (link.hello?.maxUnacked ?? 0)) {
      this.#ack.cancel();
      send();
    } else if (!this.#ack.isSet) this.#ack.set(ACK_DELAY_MS, send);
  }

  #watchGaps(link: Link, feed: Feed): void {
    if (!feed.hasUnannouncedGap) this.#gap.cancel();
    else if (!this.#gap.isSet)
      this.#gap.set(GAP_PATIENCE_MS, () => this.#lose(link, new RealtimeError('gap', 'events are missing')));
  }

  // Callbacks

  #notify<H extends Exclude<keyof RealtimeHandlers, 'onError'>>(
    handler: H,
    argument: Parameters<NonNullable<RealtimeHandlers[H]>>[0],
  ): void {
    try {
      (this.options[handler] as ((argument: unknown) => void) | undefined)?.(argument);
    } catch (cause) {
      this.#report(new RealtimeError('handler_failed', handler, { cause }));
    }
  }

  #report(error: RealtimeError): void {
    const { onError } = this.options;
    if (onError === undefined) console.error(String(error), error.cause === undefined ? '' : String(error.cause));
    else onError(error);
  }
}

function parseFrame(text: string): ServerFrame | null {
  try {
    const frame: unknown = JSON.parse(text);
    const isFrame = typeof frame === 'object' && frame !== null && typeof (frame as { t?: unknown }).t === 'string';
    return isFrame ? (frame as ServerFrame) : null;
  } catch {
    return null;
  }
}

/** `http(s)` becomes `ws(s)`, and the path is added if there is none. */
function socketUrl(url: string): string {
  const address = url.replace(/^http/i, 'ws');
  return new RegExp(`${REALTIME_PATH}/?(\\?|$)`).test(address)
    ? address
    : `${address.replace(/\/+$/, '')}${REALTIME_PATH}`;
}
