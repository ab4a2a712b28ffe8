import type { PublishOutcome } from '../../../../application/ports/transport/transport.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { type AmqpMessage, ConfirmedChannel } from './confirmed-channel.js';
import { LazyChannel } from './lazy-channel.js';

/** Identifies the messages in flight on one channel, so that a return finds its message. */
const PUBLISH_HEADER = 'x-parley-publish';

export class NotConfirmed extends Error {
  constructor(
    { exchange, routingKey }: AmqpMessage,
    readonly outcome: PublishOutcome | 'timed out',
  ) {
    super(`publishing to ${exchange === '' ? `queue ${routingKey}` : `exchange ${exchange}`}: ${outcome}`);
    this.name = 'NotConfirmed';
  }
}

/** Publishes single messages and waits for each confirm. */
export class ConfirmedPublisher {
  readonly #kept: LazyChannel<ConfirmedChannel>;
  #count = 0;

  constructor(connection: AmqpConnection) {
    this.#kept = new LazyChannel(connection, async (model) => {
      const channel = await model.createConfirmChannel();
      const held = new ConfirmedChannel(channel, (returned) => returned.properties.headers?.[PUBLISH_HEADER]);
      return { channel, held };
    });
  }

  /**
   * Resolves when a queue has the message. Rejects with `NotConfirmed` or `ConnectionAway`. If the properties cannot be
   * encoded, it rejects with the library's error (`TypeError`, `RangeError`), and nothing was sent.
   */
  async publish(message: AmqpMessage): Promise<void> {
    const confirmed = await this.#kept.get();
    this.#count += 1;
    const key = String(this.#count);
    const properties = { ...message.properties, headers: { ...message.properties.headers, [PUBLISH_HEADER]: key } };
    const outcome = await confirmed.publishOne({ ...message, properties }, key);
    if (outcome !== 'confirmed') throw new NotConfirmed(message, outcome);
  }

  close(): Promise<void> {
    return this.#kept.close();
  }
}
