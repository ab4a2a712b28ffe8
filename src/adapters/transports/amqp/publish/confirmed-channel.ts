import { type ConfirmChannel, IllegalOperationError, type Message, type Options } from 'amqplib';
import type { PublishOutcome } from '../../../../application/ports/transport.js';

/** How long a confirm may take before publishing counts as failed. The message may have arrived all the same. */
export const CONFIRM_TIMEOUT_MS = 10_000;

/** A message for the broker, with the properties as the library names them. */
export interface AmqpMessage {
  exchange: string;
  routingKey: string;
  body: Uint8Array;
  properties: Options.Publish;
}

/**
 * A confirm channel on which each message learns its own outcome. Everything is published `mandatory`: an unroutable message is
 * confirmed like any other, and only the return that comes before its confirm tells.
 */
export class ConfirmedChannel {
  readonly channel: ConfirmChannel;
  readonly #keyOf: (returned: Message) => unknown;
  /** How many returns have come for a key whose confirm has not yet. */
  readonly #returned = new Map<unknown, number>();
  #isClosed = false;

  /** `keyOf` finds in a returned message the key it was published under. */
  constructor(channel: ConfirmChannel, keyOf: (returned: Message) => unknown) {
    this.channel = channel;
    this.#keyOf = keyOf;
    // First in line: the library settles what is outstanding in a listener of its own, and only this tells a nack from an end.
    channel.prependListener('close', () => {
      this.#isClosed = true;
    });
    channel.on('error', () => undefined); // `close` follows, and settles
    channel.on('return', (message) => {
      const key = this.#keyOf(message);
      this.#returned.set(key, (this.#returned.get(key) ?? 0) + 1);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Takes the properties over. `settled` is called exactly once, never before this returns, and must not throw. Throws, without having published, only where
   * the properties cannot be put on the wire (a string over 255 bytes, a header of no known type).
   *
   * Returns false if the message waits in memory because the connection takes no more for now; it must not be sent again.
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

  /** The same as a promise, with a time limit; it rejects where `publish` throws. `key`: none other is under way with it. */
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

/** The same bytes, as the library wants them. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
