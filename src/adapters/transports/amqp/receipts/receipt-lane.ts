import type { Channel, Options } from 'amqplib';
import type { TransportCounters } from '../../../../application/ports/transport/transport.js';
import { RECEIPT_TYPE, type Receipt } from '../../../../contract/messages/receipts.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { toError } from '../../../../infrastructure/amqp/amqp-failure.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { LazyChannel } from '../publish/lazy-channel.js';

/**
 * Maximum number of receipts kept in memory while a connection is full or away. Further ones are dropped; REST can
 * still return them.
 */
export const RECEIPTS_WAITING_MAX = 50_000;
/**
 * A receipt that has waited longer than this for its connection is dropped. The producer has stopped waiting by then.
 */
export const RECEIPT_WAITS_MAX_MS = 10_000;

export interface OutgoingReceipt {
  replyTo: string;
  correlationId: string;
  receipt: Receipt;
  /** In milliseconds since 1970. */
  since: number;
}

export function contentOf({ receipt }: OutgoingReceipt): Buffer {
  return Buffer.from(JSON.stringify(receipt));
}

/**
 * Not mandatory: the broker both delivers to a live direct reply-to and returns the message, so a return has no
 * meaning.
 */
export function propertiesOf({ correlationId }: OutgoingReceipt): Options.Publish {
  return { type: RECEIPT_TYPE, contentType: 'application/json', correlationId };
}

export function isOutdated({ since }: OutgoingReceipt): boolean {
  return Date.now() - since > RECEIPT_WAITS_MAX_MS;
}

/** Opens a connection on its first use. */
export function ensureStarted(connection: AmqpConnection, logger: Logger): void {
  if (connection.state !== 'idle') return;
  connection.start().catch((error: Error) => {
    logger.debug('connection not opened', { connection: connection.name, error: error.message });
  });
}

/**
 * One channel without confirms, on a connection that is opened at the first receipt. While the connection is away, a
 * limited number of receipts wait.
 */
export class ReceiptLane {
  readonly #connection: AmqpConnection;
  readonly #kept: LazyChannel<Channel>;
  readonly #counters: TransportCounters;
  readonly #logger: Logger;
  #waiting: OutgoingReceipt[] = [];
  /** An upper bound of the messages in the library's buffer. The library only reports when it is empty. */
  #buffered = 0;

  constructor(connection: AmqpConnection, counters: TransportCounters, logger: Logger) {
    this.#connection = connection;
    this.#counters = counters;
    this.#logger = logger;
    this.#kept = new LazyChannel(connection, async (model) => {
      const channel = await model.createChannel();
      channel.on('error', (error) => logger.warn('receipt channel closed', { error: error.message }));
      channel.on('drain', () => {
        this.#buffered = 0;
      });
      this.#buffered = 0;
      return { channel, held: channel };
    });
    connection.onOpen(() => {
      if (this.#waiting.length > 0) this.#sendWaiting();
    });
  }

  send(outgoing: OutgoingReceipt): void {
    if (this.#waiting.length + this.#buffered >= RECEIPTS_WAITING_MAX) {
      this.#counters.receiptsDropped += 1;
      return;
    }
    const channel = this.#kept.now;
    if (channel !== undefined) {
      this.#publish(channel, outgoing);
      return;
    }
    this.#waiting.push(outgoing);
    if (this.#waiting.length > 1) return; // The error is reported by the first attempt.
    ensureStarted(this.#connection, this.#logger);
    if (this.#connection.state === 'open') this.#sendWaiting();
  }

  /** Waiting receipts are dropped. */
  close(): Promise<void> {
    this.#waiting = [];
    return this.#kept.close();
  }

  #sendWaiting(): void {
    this.#kept.get().then(
      (channel) => {
        for (const outgoing of this.#waiting.splice(0))
          if (isOutdated(outgoing)) this.#counters.receiptsDropped += 1;
          else this.#publish(channel, outgoing);
      },
      (error: unknown) => {
        if (this.#connection.state === 'open') this.#drop(this.#waiting.splice(0).length, error);
      },
    );
  }

  #publish(channel: Channel, outgoing: OutgoingReceipt): void {
    try {
      const isTaken = channel.publish('', outgoing.replyTo, contentOf(outgoing), propertiesOf(outgoing));
      this.#buffered = isTaken ? 0 : this.#buffered + 1;
    } catch (error) {
      this.#buffered = 0;
      this.#drop(1, error);
    }
  }

  #drop(count: number, error: unknown): void {
    this.#counters.receiptsDropped += count;
    this.#logger.debug('receipts not sent', { count, error: toError(error).message });
  }
}
