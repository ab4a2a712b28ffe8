import type { ReceiptSender, TransportCounters } from '../../../../application/ports/transport/transport.js';
import type { Receipt } from '../../../../contract/messages/receipts.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { fitsShortString } from '../dead-letters/republish-properties.js';
import { type OutgoingReceipt, ReceiptLane } from './receipt-lane.js';
import { readReplyAddress } from './reply-address.js';
import { UntestedReplyOrigins } from './untested-reply-origins.js';

/**
 * Maximum number of origins remembered as good. Above it the oldest is removed and must be tested again. A broker has
 * one or two for each node.
 */
export const ORIGINS_PROVEN_MAX = 1_000;

/**
 * One connection for each kind of address. All except the first are opened on demand. The loss of one does not affect
 * the others.
 */
export interface ReceiptRoutes {
  /** For the queues of REST. */
  rest: AmqpConnection;
  /** For the queues of producers. */
  queues: AmqpConnection;
  /** For direct reply-to addresses that the broker is known to accept. */
  directReplies: AmqpConnection;
  /** For direct reply-to addresses that are not tested yet. */
  untestedReplies: AmqpConnection;
}

export class AmqpReceiptSender implements ReceiptSender {
  readonly #namespace: string;
  readonly #rest: ReceiptLane;
  readonly #queues: ReceiptLane;
  readonly #directReplies: ReceiptLane;
  readonly #untested: UntestedReplyOrigins;
  readonly #proven = new Set<string>();
  readonly #counters: TransportCounters;

  constructor(routes: ReceiptRoutes, namespace: string, counters: TransportCounters, logger: Logger) {
    this.#namespace = namespace;
    this.#rest = new ReceiptLane(routes.rest, counters, logger);
    this.#queues = new ReceiptLane(routes.queues, counters, logger);
    this.#directReplies = new ReceiptLane(routes.directReplies, counters, logger);
    const onProven = (origin: string, waiting: OutgoingReceipt[]) => this.#prove(origin, waiting);
    this.#untested = new UntestedReplyOrigins(routes.untestedReplies, onProven, counters, logger);
    this.#counters = counters;
    // For any cause of the loss: the broker may not know the same nodes any more.
    routes.directReplies.onLost(() => this.#proven.clear());
  }

  send(replyTo: string, correlationId: string, receipt: Receipt): void {
    const address = readReplyAddress(this.#namespace, replyTo);
    if (address === null || !fitsShortString(replyTo) || !fitsShortString(correlationId)) {
      this.#counters.receiptsIgnored += 1;
      return;
    }
    const outgoing = { replyTo, correlationId, receipt, since: Date.now() };
    if (address.kind === 'rest') this.#rest.send(outgoing);
    else if (address.kind === 'queue') this.#queues.send(outgoing);
    else if (this.#proven.has(address.origin)) this.#directReplies.send(outgoing);
    else this.#untested.send(address.origin, outgoing);
  }

  async close(): Promise<void> {
    const lanes = [this.#rest, this.#queues, this.#directReplies, this.#untested];
    await Promise.all(lanes.map((lane) => lane.close()));
  }

  #prove(origin: string, waiting: readonly OutgoingReceipt[]): void {
    const [oldest] = this.#proven;
    if (this.#proven.size >= ORIGINS_PROVEN_MAX && oldest !== undefined) this.#proven.delete(oldest);
    this.#proven.add(origin);
    for (const outgoing of waiting) this.#directReplies.send(outgoing);
  }
}
