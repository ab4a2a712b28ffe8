import type { Channel } from 'amqplib';
import type { ReceiptSender, TransportCounters } from '../../application/ports/transport.js';
import { RECEIPT_TYPE, type Receipt } from '../../contract/receipts.js';
import type { AmqpConnection } from '../../infrastructure/amqp-connection.js';
import type { Logger } from '../../infrastructure/logger.js';
import { fitsShortString } from './carry-over.js';
import { KeptChannel } from './kept-channel.js';
import { isDirectReplyAddress, isReplyAddress } from './reply-address.js';

/** Receipts kept in memory while a connection takes none; more are dropped. They can be read over REST. */
export const RECEIPTS_WAITING_MAX = 50_000;

export interface ReceiptRoutes {
  /** For queues. */
  queues: AmqpConnection;
  /**
   * For direct reply-to, apart from everything else: RabbitMQ 3.10 ends the whole connection on an address whose node is gone or was
   * never there, which nobody can tell from a good one.
   */
  directReplies: AmqpConnection;
}

export class AmqpReceiptSender implements ReceiptSender {
  readonly #namespace: string;
  readonly #queues: ReceiptLane;
  readonly #directReplies: ReceiptLane;
  readonly #counters: TransportCounters;

  constructor(routes: ReceiptRoutes, namespace: string, counters: TransportCounters, logger: Logger) {
    this.#namespace = namespace;
    this.#queues = new ReceiptLane(routes.queues, counters, logger);
    this.#directReplies = new ReceiptLane(routes.directReplies, counters, logger);
    this.#counters = counters;
  }

  /** Not mandatory: a live direct reply-to is delivered and returned all the same, so a return would say nothing. */
  send(replyTo: string, correlationId: string, receipt: Receipt): void {
    if (!isReplyAddress(this.#namespace, replyTo) || !fitsShortString(replyTo) || !fitsShortString(correlationId)) {
      this.#counters.receiptsIgnored += 1;
      return;
    }
    const lane = isDirectReplyAddress(replyTo) ? this.#directReplies : this.#queues;
    lane.send(replyTo, correlationId, receipt);
  }

  async close(): Promise<void> {
    await Promise.all([this.#queues.close(), this.#directReplies.close()]);
  }
}

/** One channel without confirms, and how much waits for it. */
class ReceiptLane {
  readonly #kept: KeptChannel<Channel>;
  readonly #counters: TransportCounters;
  readonly #logger: Logger;
  #waiting = 0;

  constructor(connection: AmqpConnection, counters: TransportCounters, logger: Logger) {
    this.#counters = counters;
    this.#logger = logger;
    this.#kept = new KeptChannel(connection, async (model) => {
      const channel = await model.createChannel();
      channel.on('error', (error) => logger.warn('the channel for receipts was closed', { error: error.message }));
      channel.on('drain', () => {
        this.#waiting = 0;
      });
      this.#waiting = 0;
      return { channel, held: channel };
    });
  }

  send(replyTo: string, correlationId: string, receipt: Receipt): void {
    if (this.#waiting >= RECEIPTS_WAITING_MAX) {
      this.#counters.receiptsDropped += 1;
      return;
    }
    const channel = this.#kept.now;
    if (channel !== undefined) {
      this.#publish(channel, replyTo, correlationId, receipt);
      return;
    }
    this.#waiting += 1;
    this.#kept.get().then(
      (opened) => this.#publish(opened, replyTo, correlationId, receipt),
      (error: unknown) => this.#drop(error),
    );
  }

  close(): Promise<void> {
    return this.#kept.close();
  }

  #publish(channel: Channel, replyTo: string, correlationId: string, receipt: Receipt): void {
    try {
      const isTaken = channel.publish('', replyTo, Buffer.from(JSON.stringify(receipt)), {
        type: RECEIPT_TYPE,
        contentType: 'application/json',
        correlationId,
      });
      this.#waiting = isTaken ? 0 : this.#waiting + 1;
    } catch (error) {
      this.#drop(error);
    }
  }

  #drop(error: unknown): void {
    this.#waiting = 0;
    this.#counters.receiptsDropped += 1;
    this.#logger.debug('a receipt was not sent', { error: error instanceof Error ? error.message : String(error) });
  }
}
