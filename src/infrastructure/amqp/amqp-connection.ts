/**
 * One named connection to an AMQP 0-9-1 broker. It reconnects until it is stopped. It restores only the connection:
 * channels and consumers are lost with it, and their owners open them again (`onOpen`).
 */
import { unescape as decodePercent } from 'node:querystring';
import { type ChannelModel, connect } from 'amqplib';
import type { Logger } from '../logging/logger.js';
import { ConnectionAway, describeFailure, isAccessRefused, LoginRefused, toError } from './amqp-failure.js';
import { hasEnded, SOCKET_OPTIONS, tearDown } from './amqp-socket.js';

/**
 * Two missed heartbeats end the connection. An unresponsive peer is noticed within 14 to 21 s, well within the 30 s in
 * which it must be replaced.
 */
export const HEARTBEAT_S = 7;
/** Maximum silence while a connection is being opened. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Upper bound of the first pause before a retry. It doubles with each attempt, up to the maximum. */
export const RECONNECT_FIRST_MS = 200;
export const RECONNECT_LONGEST_MS = 2_000;
/** A connection that lasted this long counts as good: the next pause starts at the first value again. */
export const STABLE_AFTER_MS = 10_000;
/** Maximum time for an orderly close. */
export const CLOSE_TIMEOUT_MS = 5_000;

export type AmqpConnectionState = 'idle' | 'connecting' | 'open' | 'stopped';

export interface AmqpConnectionOptions {
  /** `amqp://` or `amqps://`. The password is used only to log in. */
  url: string;
  /** Shown in the broker's list of connections. */
  name: string;
  logger: Logger;
  /** Returns the fraction of its upper bound that each pause takes. Default: `Math.random`. */
  random?: (() => number) | undefined;
  /**
   * Checks each opened connection before it can be used. Null: it is good. An error: why this broker must not be used.
   * At the first opening the error ends `start`; later the check is repeated. Rejects if the check itself failed.
   */
  admit?: ((model: ChannelModel) => Promise<Error | null>) | undefined;
}

/**
 * The pause before attempt `attempt` (0 = the first retry): random between zero and the upper bound, so that many
 * clients do not reconnect at the same moment.
 */
export function reconnectPauseMs(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(RECONNECT_LONGEST_MS, RECONNECT_FIRST_MS * 2 ** Math.min(attempt, 30));
}

export class AmqpConnection {
  readonly name: string;
  /** The logged-in user. The broker accepts no other name in a message's `user_id`. */
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
  /** The last reported problem: each is logged once, not at every attempt. */
  #reported: 'away' | 'not admitted' | null = null;
  #endPause: (() => void) | undefined;
  /**
   * The last attempt did not reach the broker. `tryNow` then skips the pause. It does not skip the pause of a
   * connection that opened and was lost.
   */
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

  /** The broker's reason for blocking this connection (low memory or disk space), or null. */
  get blocked(): string | null {
    return this.#blocked;
  }

  /** The open connection. Throws `ConnectionAway` if there is none. */
  current(): ChannelModel {
    if (this.#model === undefined) throw new ConnectionAway(this.name, { cause: this.#lastCause });
    return this.#model;
  }

  /**
   * Calls the listener at every opening, including the first, before `start` resolves. Returns a function that removes
   * the listener.
   */
  onOpen(listener: (model: ChannelModel) => void): () => void {
    this.#openListeners.add(listener);
    return () => this.#openListeners.delete(listener);
  }

  /**
   * Calls the listener when an open connection is lost, after its channels have closed. Not called for a failed
   * attempt.
   */
  onLost(listener: (cause: Error) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** Why there is no connection, in one line, while it is being opened. Null until the first attempt has failed. */
  get obstacle(): string | null {
    return this.#model !== undefined || this.#lastCause === undefined ? null : describeFailure(this.#lastCause);
  }

  /**
   * Resolves when the connection is open for the first time, however long the broker is away. Rejects if it is stopped
   * before, with `LoginRefused` if the broker refuses the login, and with the error of `admit`; the connection is then
   * stopped. Later, in a running process, those errors lead to a retry.
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
   * Called when another connection has reached the broker: if this one waits for the broker, it retries at once. A
   * connection that was opened and lost keeps its pause, so that several connections cannot trigger each other in a
   * loop.
   */
  tryNow(): void {
    if (this.#isAway) this.#endPause?.();
  }

  /** Closes permanently. Resolves when closed, at the latest after `CLOSE_TIMEOUT_MS`. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#endPause?.();
    const model = this.#model;
    const closed = model === undefined ? this.#life : this.#close(model).then(() => this.#life);
    await within(CLOSE_TIMEOUT_MS, closed ?? Promise.resolve());
  }

  /**
   * Ends when there are no further attempts. Returns the reason for a caller that still waits for the first connection.
   */
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
          this.#logOnce('not admitted', 'this broker must not be used', refusal);
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
        this.#logOnce('away', 'broker unreachable; retrying', cause);
      }
      if (this.#isStopped()) break;
      await this.#pause(reconnectPauseMs(attempt, this.#random));
      attempt += 1;
    }
    this.#state = 'stopped';
    return new ConnectionAway(this.name, { cause: this.#lastCause });
  }

  /** The result of `admit` for a connection. Rejects if the check failed; the connection is then destroyed. */
  async #refusalOf(model: ChannelModel): Promise<Error | null> {
    if (this.#admit === undefined || hasEnded(model)) return null;
    const listening = new AbortController();
    const ended = new Promise<never>((_resolve, reject) => {
      const end = (why: string) => reject(new Error(`the check of the connection was interrupted: ${why}`));
      const timer = setTimeout(() => end(`${CONNECT_TIMEOUT_MS} ms are over`), CONNECT_TIMEOUT_MS);
      const onClose = () => end('it was closed');
      model.once('close', onClose);
      listening.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        model.off('close', onClose);
      });
    });
    model.on('error', () => undefined); // `admit` rejects, or the connection closes.
    try {
      return await Promise.race([this.#admit(model), ended]);
    } catch (error) {
      tearDown(model);
      throw error;
    } finally {
      listening.abort();
    }
  }

  #logOnce(what: 'away' | 'not admitted', message: string, cause: Error): void {
    this.#log(this.#reported === what ? 'debug' : 'warn', message, { error: describeFailure(cause) });
    this.#reported = what;
  }

  /**
   * Handles a connection that closed while it was opened. Its `close` event has passed, so it would count as open for
   * ever.
   */
  #dismiss(model: ChannelModel): Error {
    tearDown(model);
    const cause = new Error('closed while it was being opened');
    this.#log('warn', 'broker connection lost', { error: cause.message });
    return cause;
  }

  /** Adds the listeners before any other await. Resolves with the cause when the connection is lost. */
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
          this.#log('warn', 'broker connection lost', { error: describeFailure(why) });
        }
        this.#tell(this.#lostListeners, why);
        resolve(why);
      });
    });
    model.on('blocked', (reason) => {
      this.#blocked = reason;
      this.#log('warn', 'connection blocked by broker', { reason });
    });
    model.on('unblocked', () => {
      this.#blocked = null;
      this.#log('info', 'connection unblocked by broker');
    });
    if (this.#isStopped()) {
      void this.#close(model);
      return gone;
    }
    this.#model = model;
    this.#state = 'open';
    this.#hasBeenOpen = true;
    this.#reported = null;
    this.#log('info', 'connected to the broker');
    this.#tell(this.#openListeners, model);
    return gone;
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** The library's own promise never settles if the peer disappears meanwhile, but the `close` event is emitted. */
  async #close(model: ChannelModel): Promise<void> {
    const closed = new Promise<void>((resolve) => model.once('close', () => resolve()));
    model.close().catch((error) => this.#log('debug', 'connection already closed', { error: describeFailure(error) }));
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
        this.#log('error', 'connection listener failed', { error: describeFailure(error) });
      }
    }
  }

  #log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown> = {}): void {
    this.#logger[level](message, { connection: this.name, address: this.#address, ...fields });
  }
}

function parseUrl(url: string): URL {
  // The URL class would put the whole text, including the password, into its error.
  if (!URL.canParse(url)) throw new Error('the broker address is not a URL');
  const parsed = new URL(url);
  if (parsed.protocol !== 'amqp:' && parsed.protocol !== 'amqps:')
    throw new Error(`the broker address must begin with amqp:// or amqps://, not ${parsed.protocol}//`);
  return parsed;
}

/** True if the promise settled in time. */
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
