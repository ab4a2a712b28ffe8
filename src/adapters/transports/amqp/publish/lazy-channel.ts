import type { Channel, ChannelModel } from 'amqplib';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { ConnectionAway } from '../../../../infrastructure/amqp/amqp-failure.js';

/** How long the broker may take to answer that a channel is closed. */
export const CHANNEL_CLOSE_TIMEOUT_MS = 5_000;

/** How long the broker may take to open one: it does not answer a connection that it has blocked, for want of memory or disk. */
export const CHANNEL_OPEN_TIMEOUT_MS = 5_000;

/** The connection is there, and the broker has not opened a channel on it in time. */
export class ChannelNotOpened extends Error {
  constructor(connection: string) {
    super(`the broker has not opened a channel within ${CHANNEL_OPEN_TIMEOUT_MS} ms (${connection})`);
    this.name = 'ChannelNotOpened';
  }
}

/** Closes a channel; resolves when it is closed, was so already, or the broker has not answered in time. Never rejects. */
export function closeChannel(channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, CHANNEL_CLOSE_TIMEOUT_MS);
    // The library's promise is left open if the connection goes meanwhile, and rejects on a closed channel: the event decides.
    channel.once('close', done);
    channel.close().catch(done);
  });
}

/** A channel that lives and dies with what holds it: opened at need, forgotten when it closes, opened again at the next need. */
export class LazyChannel<T> {
  readonly #connection: AmqpConnection;
  readonly #open: (model: ChannelModel) => Promise<{ channel: Channel; held: T }>;
  #held: { channel: Channel; held: T } | undefined;
  #opening: Promise<T> | undefined;

  /** `open` gives the channel and what is made of it; it need not listen for the channel's end. */
  constructor(connection: AmqpConnection, open: (model: ChannelModel) => Promise<{ channel: Channel; held: T }>) {
    this.#connection = connection;
    this.#open = open;
  }

  /** What is open already, if anything. */
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
    await this.#opening?.catch(() => undefined); // whoever asked for it hears of the failure
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
            // Nobody holds it, and nobody else will close it.
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
    // It may have closed before there was anybody to hear of it.
    if (this.#connection.current() !== model) throw new ConnectionAway(this.#connection.name);
    this.#held = opened;
    return opened.held;
  }
}
