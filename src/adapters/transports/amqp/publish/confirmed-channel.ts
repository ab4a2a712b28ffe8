import { type ConfirmChannel, IllegalOperationError, type Message, type Options } from 'amqplib';
import type { PublishOutcome } from '../../../../application/ports/transport/transport.js';

/** Maximum time until the confirm. After it, publishing counts as failed, although the broker may have the message. */
export const CONFIRM_TIMEOUT_MS = 10_000;

/** A message for the broker, with the library's property names. */
export interface AmqpMessage {
  exchange: string;
  routingKey: string;
  body: Uint8Array;
  properties: Options.Publish;
}

/**
 * A confirm channel that reports the outcome of each message. Everything is published as `mandatory`: the broker
 * confirms an unroutable message too, and only the return before the confirm shows that it was not routed.
 */
export class ConfirmedChannel {
  readonly channel: ConfirmChannel;
  readonly #keyOf: (returned: Message) => unknown;
  /** By key: the number of returns whose confirm has not come yet. */
  readonly #returned = new Map<unknown, number>();
  #isClosed = false;

  /** `keyOf` returns the key under which a returned message was published. */
  constructor(channel: ConfirmChannel, keyOf: (returned: Message) => unknown) {
    this.channel = channel;
    this.#keyOf = keyOf;
    // This listener must run first. The library settles outstanding messages in its own `close` listener, and this one
    // makes a closed channel distinguishable from a nack.
    channel.prependListener('close', () => {
      this.#isClosed = true;
    });
    channel.on('error', () => undefined); // `close` follows and settles the messages.
    channel.on('return', (message) => {
      const key = this.#keyOf(message);
      this.#returned.set(key, (this.#returned.get(key) ?? 0) + 1);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Takes ownership of the properties. `settled` is called exactly once, never before this method returns, and must not
   * throw. Throws, without publishing, only if the properties cannot be encoded (a string over 255 bytes, a header of
   * unknown type).
   *
   * Returns false if the message waits in memory because the connection is full. It must not be sent again.
   */
  publish(
    { exchange, routingKey, body, properties }: AmqpMessage,
    key: unknown,
    settled: (outcome: PublishOutcome) => void,
  ): boolean {
    const onConfirm = (error: unknown) => {
      const isReturned = this.#takeReturn(key);
      if (error === null) settled(isReturned ? 'returned' : 'confirmed');
      else settled(this.#isClosed ? 'lost' : 'refused');
    };
    if (!this.#isClosed) {
      try {
        properties.mandatory = true;
        return this.channel.publish(exchange, routingKey, toBuffer(body), properties, onConfirm);
      } catch (error) {
        if (!(error instanceof IllegalOperationError)) throw error;
      }
    }
    queueMicrotask(() => settled('lost'));
    return true;
  }

  /**
   * Publishes with a promise and a timeout. Rejects if `publish` throws. No other message may use the same `key` at the
   * same time.
   */
  publishOne(message: AmqpMessage, key: unknown): Promise<PublishOutcome | 'timed out'> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve('timed out'), CONFIRM_TIMEOUT_MS);
      const settle = (outcome: PublishOutcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      try {
        this.publish(message, key, settle);
      } catch (error) {
        clearTimeout(timer);
        reject(error);
      }
    });
  }

  #takeReturn(key: unknown): boolean {
    if (this.#returned.size === 0) return false;
    const count = this.#returned.get(key);
    if (count === undefined) return false;
    if (count === 1) this.#returned.delete(key);
    else this.#returned.set(key, count - 1);
    return true;
  }
}

/** The same bytes as a Buffer, which the library needs. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
