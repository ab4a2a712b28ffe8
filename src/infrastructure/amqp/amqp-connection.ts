/**
 * One named connection to an AMQP 0-9-1 broker that is opened again for ever, until it is stopped. It brings back the connection
 * only: channels and consumers die with it, and whoever owns them opens them anew (`onOpen`).
 */
import { unescape as decodePercent } from 'node:querystring';
import { type ChannelModel, connect } from 'amqplib';
import type { Logger } from '../logging/logger.js';
import { ConnectionAway, describeFailure, isAccessRefused, LoginRefused, toError } from './amqp-failure.js';
import { hasEnded, SOCKET_OPTIONS, tearDown } from './amqp-socket.js';

/** Two missed beats end the connection: a frozen peer is noticed within 14 to 21 s, so that it is replaced within 30 s with room to spare. */
export const HEARTBEAT_S = 7;
/** Silence allowed while a connection is being opened. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** The ceiling of the first pause before another attempt; it doubles with each, up to the longest. */
export const RECONNECT_FIRST_MS = 200;
export const RECONNECT_LONGEST_MS = 2_000;
/** A connection that held this long counts as good: the next pause is a first one again. */
export const STABLE_AFTER_MS = 10_000;
/** How long a polite closing may take. */
export const CLOSE_TIMEOUT_MS = 5_000;

export type AmqpConnectionState = 'idle' | 'connecting' | 'open' | 'stopped';

export interface AmqpConnectionOptions {
  /** `amqp://` or `amqps://`. Its password is used to log in and appears nowhere else. */
  url: string;
  /** Shown in the broker's list of connections. */
  name: string;
  logger: Logger;
  /** Draws how much of its ceiling each pause takes. Default: `Math.random`. */
  random?: (() => number) | undefined;
  /**
   * Looks at each connection that has opened, before anybody may use it. Null: it is good. An error: this broker must not be used, and why; at the
   * first opening that ends `start`, later it is looked at again and again. Rejects where it could not find out.
   */
  admit?: ((model: ChannelModel) => Promise<Error | null>) | undefined;
}

/** A pause before attempt `attempt` (0 = the first retry): anything from nothing to the ceiling, so that a fleet does not return in step. */
export function reconnectPauseMs(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(RECONNECT_LONGEST_MS, RECONNECT_FIRST_MS * 2 ** Math.min(attempt, 30));
}

export class AmqpConnection {
  readonly name: string;
  /** Who is logged in: the broker lets nobody put another name into a message's `user_id`. */
  readonly username: string;
  readonly #url: string;
  readonly #address: string;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #admit: AmqpConnectionOptions['admit'];
  readonly #openListeners = new Set<(model: ChannelModel) => void>();
  readonly #lostListeners = new Set<(cause: Error) => void>();
  #state: AmqpConnectionState = 'idle';
  #model: ChannelModel | undefined;
  #blocked: string | null = null;
  #lastCause: Error | undefined;
  #hasBeenOpen = false;
  /** That the broker is away, or must not be used, is said once, not at every attempt. */
  #told: 'away' | 'not admitted' | null = null;
  #endPause: (() => void) | undefined;
  /** The last attempt found nobody: the pause is for a broker that is away, not for a connection that does not hold. */
  #isAway = false;
  #life: Promise<void> | undefined;

  constructor({ url, name, logger, random = Math.random, admit }: AmqpConnectionOptions) {
    const parsed = parseUrl(url);
    if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', String(HEARTBEAT_S));
    this.#url = parsed.href;
    this.#address = `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
    this.username = parsed.username === '' && parsed.password === '' ? 'guest' : decodePercent(parsed.username);
    this.name = name;
    this.#logger = logger;
    this.#random = random;
    this.#admit = admit;
  }

  get state(): AmqpConnectionState {
    return this.#state;
  }

  /** The broker's reason for not reading from this connection (it is short of memory or disk), or null. */
  get blocked(): string | null {
    return this.#blocked;
  }

  /** The open connection. Throws `ConnectionAway` while there is none. */
  current(): ChannelModel {
    if (this.#model === undefined) throw new ConnectionAway(this.name, { cause: this.#lastCause });
    return this.#model;
  }

  /** Called at every opening, the first included, before `start` resolves. Returns how to stop listening. */
  onOpen(listener: (model: ChannelModel) => void): () => void {
    this.#openListeners.add(listener);
    return () => this.#openListeners.delete(listener);
  }

  /** Called whenever an open connection has gone, after its channels have; not for an attempt that failed. */
  onLost(listener: (cause: Error) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** Why there is no connection, in one line, while one is sought; null before the first attempt has failed. */
  get obstacle(): string | null {
    return this.#model !== undefined || this.#lastCause === undefined ? null : describeFailure(this.#lastCause);
  }

  /**
   * Resolves once the connection is open for the first time, however long the broker is away. Rejects if stopped before, with `LoginRefused` if
   * the broker says no, and with what `admit` answers: then it is stopped as well. Later, in a running process, those are reasons to try again.
   */
  start(): Promise<void> {
    if (this.#life !== undefined) throw new Error(`connection ${this.name} was started before`);
    this.#state = 'connecting';
    return new Promise((resolve, reject) => {
      const forget = this.onOpen(() => {
        forget();
        resolve();
      });
      this.#life = this.#keepOpen().then(reject, reject);
    });
  }

  /**
   * The broker has been met elsewhere: whoever waits for it to be there tries at once. A connection that was opened and did not hold
   * keeps to its pause, so that several of them cannot drive each other round.
   */
  tryNow(): void {
    if (this.#isAway) this.#endPause?.();
  }

  /** Closes for good. Resolves when closed, at the latest after `CLOSE_TIMEOUT_MS`. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#endPause?.();
    const model = this.#model;
    const closed = model === undefined ? this.#life : this.#close(model).then(() => this.#life);
    await within(CLOSE_TIMEOUT_MS, closed ?? Promise.resolve());
  }

  /** Ends when there will be no further attempt; answers why there was none at all, for who still waits for the first one. */
  async #keepOpen(): Promise<Error> {
    let attempt = 0;
    while (!this.#isStopped()) {
      this.#state = 'connecting';
      try {
        const model = await connect(this.#url, {
          ...SOCKET_OPTIONS,
          timeout: CONNECT_TIMEOUT_MS,
          clientProperties: { connection_name: this.name },
        });
        const openedAt = Date.now();
        this.#isAway = false;
        const refusal = await this.#refusalOf(model);
        if (refusal !== null) {
          await this.#close(model);
          this.#lastCause = refusal;
          if (!this.#hasBeenOpen) {
            this.#state = 'stopped';
            return refusal;
          }
          this.#tellOnce('not admitted', 'this broker must not be used', refusal);
        } else this.#lastCause = await (hasEnded(model) ? this.#dismiss(model) : this.#adopt(model));
        if (Date.now() - openedAt >= STABLE_AFTER_MS) attempt = 0;
      } catch (error) {
        const cause = toError(error);
        this.#lastCause = cause;
        this.#isAway = true;
        if (isAccessRefused(cause) && !this.#hasBeenOpen) {
          this.#state = 'stopped';
          return new LoginRefused(cause);
        }
        this.#tellOnce('away', 'no broker: waiting for it', cause);
      }
      if (this.#isStopped()) break;
      await this.#pause(reconnectPauseMs(attempt, this.#random));
      attempt += 1;
    }
    this.#state = 'stopped';
    return new ConnectionAway(this.name, { cause: this.#lastCause });
  }

  /** What `admit` says of a connection. Rejects where it could not find out; the connection is torn down then. */
  async #refusalOf(model: ChannelModel): Promise<Error | null> {
    if (this.#admit === undefined || hasEnded(model)) return null;
    const listening = new AbortController();
    const ended = new Promise<never>((_resolve, reject) => {
      const end = (why: string) => reject(new Error(`the connection was not looked at in full: ${why}`));
      const timer = setTimeout(() => end(`${CONNECT_TIMEOUT_MS} ms are over`), CONNECT_TIMEOUT_MS);
      const onClose = () => end('it was closed');
      model.once('close', onClose);
      listening.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        model.off('close', onClose);
      });
    });
    model.on('error', () => undefined); // `admit` rejects, or the connection closes
    try {
      return await Promise.race([this.#admit(model), ended]);
    } catch (error) {
      tearDown(model);
      throw error;
    } finally {
      listening.abort();
    }
  }

  #tellOnce(what: 'away' | 'not admitted', message: string, cause: Error): void {
    this.#log(this.#told === what ? 'debug' : 'warn', message, { error: describeFailure(cause) });
    this.#told = what;
  }

  /** Closed in the same breath as it was opened: its `close` event has passed, and it would be taken for open for ever. */
  #dismiss(model: ChannelModel): Error {
    tearDown(model);
    const cause = new Error('closed as soon as it was open');
    this.#log('warn', 'connection to the broker lost', { error: cause.message });
    return cause;
  }

  /** Listens before anything else is awaited. The answer comes when the connection has gone: why. */
  #adopt(model: ChannelModel): Promise<Error> {
    let cause: Error | undefined;
    const gone = new Promise<Error>((resolve) => {
      model.on('error', (error) => {
        cause = error;
      });
      model.on('close', (error) => {
        tearDown(model);
        const why = cause ?? error ?? new Error('connection closed');
        this.#model = undefined;
        this.#blocked = null;
        if (!this.#isStopped()) {
          this.#state = 'connecting';
          this.#log('warn', 'connection to the broker lost', { error: describeFailure(why) });
        }
        this.#tell(this.#lostListeners, why);
        resolve(why);
      });
    });
    model.on('blocked', (reason) => {
      this.#blocked = reason;
      this.#log('warn', 'the broker takes nothing from this connection for now', { reason });
    });
    model.on('unblocked', () => {
      this.#blocked = null;
      this.#log('info', 'the broker takes messages again');
    });
    if (this.#isStopped()) {
      void this.#close(model);
      return gone;
    }
    this.#model = model;
    this.#state = 'open';
    this.#hasBeenOpen = true;
    this.#told = null;
    this.#log('info', 'connected to the broker');
    this.#tell(this.#openListeners, model);
    return gone;
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** The library's own promise stays open for ever if the other side vanishes meanwhile; the `close` event does not. */
  async #close(model: ChannelModel): Promise<void> {
    const closed = new Promise<void>((resolve) => model.once('close', () => resolve()));
    model.close().catch((error) => this.#log('debug', 'was closed already', { error: describeFailure(error) }));
    if (!(await within(CLOSE_TIMEOUT_MS, closed))) tearDown(model);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#endPause = end;
    });
  }

  #tell<T>(listeners: Set<(value: T) => void>, value: T): void {
    for (const listener of [...listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.#log('error', 'a listener of the connection failed', { error: describeFailure(error) });
      }
    }
  }

  #log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown> = {}): void {
    this.#logger[level](message, { connection: this.name, address: this.#address, ...fields });
  }
}

function parseUrl(url: string): URL {
  // The URL class would put the whole text, password included, into its error.
  if (!URL.canParse(url)) throw new Error('the broker address is not a URL');
  const parsed = new URL(url);
  if (parsed.protocol !== 'amqp:' && parsed.protocol !== 'amqps:')
    throw new Error(`the broker address must begin with amqp:// or amqps://, not ${parsed.protocol}//`);
  return parsed;
}

/** True if it settled in time. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
