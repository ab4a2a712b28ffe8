import type { Channel, ChannelModel } from 'amqplib';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { ConnectionAway } from '../../../../infrastructure/amqp/amqp-failure.js';

/** How long the broker may take to confirm that a channel is closed. */
export const CHANNEL_CLOSE_TIMEOUT_MS = 5_000;

/**
 * How long the broker may take to open a channel. It does not answer a connection that it has blocked because of low
 * memory or disk space.
 */
export const CHANNEL_OPEN_TIMEOUT_MS = 5_000;

/** The connection is open, but the broker has not opened a channel on it in time. */
export class ChannelNotOpened extends Error {
  constructor(connection: string) {
    super(`the broker has not opened a channel within ${CHANNEL_OPEN_TIMEOUT_MS} ms (${connection})`);
    this.name = 'ChannelNotOpened';
  }
}

/**
 * Closes a channel. Resolves when it is closed, was closed already, or the broker has not answered in time. Never
 * rejects.
 */
export function closeChannel(channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, CHANNEL_CLOSE_TIMEOUT_MS);
    // The library's promise never settles if the connection is lost meanwhile, and it rejects on a closed channel. So
    // the event decides.
    channel.once('close', done);
    channel.close().catch(done);
  });
}

/** A channel that is opened on demand, dropped when it closes, and opened again when it is next needed. */
export class LazyChannel<T> {
  readonly #connection: AmqpConnection;
  readonly #open: (model: ChannelModel) => Promise<{ channel: Channel; held: T }>;
  #held: { channel: Channel; held: T } | undefined;
  #opening: Promise<T> | undefined;

  /** `open` returns the channel and the object built on it. It need not listen for the channel's end. */
  constructor(connection: AmqpConnection, open: (model: ChannelModel) => Promise<{ channel: Channel; held: T }>) {
    this.#connection = connection;
    this.#open = open;
  }

  /** The open object, if there is one. */
  get now(): T | undefined {
    return this.#held?.held;
  }

  /** Rejects while there is no connection, if the broker refuses, or with `ChannelNotOpened`. */
  get(): Promise<T> {
    if (this.#held !== undefined) return Promise.resolve(this.#held.held);
    this.#opening ??= this.#openAnew().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => undefined); // The caller who requested the channel gets the error.
    if (this.#held !== undefined) await closeChannel(this.#held.channel);
    this.#held = undefined;
  }

  #openInTime(model: ChannelModel): Promise<{ channel: Channel; held: T }> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(new ChannelNotOpened(this.#connection.name));
      }, CHANNEL_OPEN_TIMEOUT_MS);
      this.#open(model)
        .then(
          (opened) => {
            // Nothing else has this channel, so nothing else would close it.
            if (isLate) void closeChannel(opened.channel);
            else resolve(opened);
          },
          (error: unknown) => reject(error),
        )
        .finally(() => clearTimeout(timer));
    });
  }

  async #openAnew(): Promise<T> {
    const model = this.#connection.current();
    const opened = await this.#openInTime(model);
    const forget = () => {
      if (this.#held === opened) this.#held = undefined;
    };
    opened.channel.on('error', forget);
    opened.channel.on('close', forget);
    // The channel may have closed before the listener was added.
    if (this.#connection.current() !== model) throw new ConnectionAway(this.#connection.name);
    this.#held = opened;
    return opened.held;
  }
}
