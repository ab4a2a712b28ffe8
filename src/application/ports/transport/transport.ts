/**
 * The message transport: commands in; events, receipts and dead letters out. Two adapters pass one conformance suite:
 * `amqp` (RabbitMQ) and `in-process`.
 */
import type { IncomingCommand } from '../../../contract/messages/delivery.js';
import type { Receipt } from '../../../contract/messages/receipts.js';

export interface Delivery {
  /** Increases within one subscription in the order of arrival. Acknowledgements refer to it. */
  tag: number;
  incoming: IncomingCommand;
  /** How often the delivery was requeued before. 0 at first. */
  deliveryCount: number;
  /**
   * The transport's routing was in disorder when the command was routed, so that it may have arrived at a partition
   * that its chat's other commands do not go to. `CommandSource.reroute` sends it through the routing again.
   */
  mayBeMisplaced: boolean;
  /**
   * The command arrived at a wrong partition before and was published directly to this partition's queue
   * (`CommandSource.forward`).
   */
  isForwarded: boolean;
}

export interface SubscriptionHandlers {
  /** Called in order. Must not throw. */
  onDelivery(delivery: Delivery): void;
  /**
   * The subscription has ended without a call of `close`: the channel or connection was lost, or the queue was deleted.
   * Called once. No delivery follows, older tags are void, and unacknowledged deliveries come again in order.
   */
  onLost(cause: Error): void;
}

export interface Subscription {
  /** Acknowledges all deliveries up to and including this one. Does nothing after the subscription has ended. */
  acknowledgeThrough(tag: number): void;
  /**
   * Requeues all unacknowledged deliveries in order by closing the channel. Never nack, and never cancel with
   * unacknowledged deliveries: both lose the order.
   */
  close(): Promise<void>;
}

export interface CommandSource {
  /**
   * Subscribes to a partition's queue as its single active consumer, or waits to become it. At most `prefetch`
   * deliveries are unacknowledged at a time. Rejects while there is no connection.
   */
  subscribe(partition: number, prefetch: number, handlers: SubscriptionHandlers): Promise<Subscription>;
  /** Sends a command through the transport's routing again. Resolves when the broker has confirmed it. */
  reroute(delivery: Delivery): Promise<void>;
  /**
   * Publishes a command to the queue of the partition that its chat belongs to, past the routing. The routing key
   * and the properties stay, and the command is marked (`Delivery.isForwarded`). Resolves when the queue has it; the
   * caller acknowledges the delivery after that. Rejects with `TypeError` or `RangeError` if the properties cannot be
   * encoded again.
   */
  forward(delivery: Delivery, home: number): Promise<void>;
}

/** A rendered event with its exact bytes. */
export interface OutgoingEvent {
  /** CloudEvents id; also the AMQP message id. */
  id: string;
  type: string;
  routingKey: string;
  /** Header `chat-id`, the hash key: the chat id, or the actor id for an event without a chat. */
  partitionKey: string;
  traceparent: string | null;
  tracestate: string | null;
  /** Whole seconds since 1970, for the AMQP timestamp. */
  timestamp: number;
  body: Uint8Array;
}

/**
 * The outcome of a published event: `confirmed` (every queue it was routed to has it), `refused` (a queue is full),
 * `returned` (no queue is bound for it), `lost` (the channel closed before the outcome was known).
 */
export type PublishOutcome = 'confirmed' | 'refused' | 'returned' | 'lost';

/** A channel that publishes one partition's events in order. */
export interface EventChannel {
  /** Publishes an event. `settled` is called exactly once per event. Outcomes may come in any order. Never throws. */
  publish(event: OutgoingEvent, settled: (outcome: PublishOutcome) => void): void;
  /** Resolves when the transport can take more without unbounded buffering. */
  writable(): Promise<void>;
  close(): Promise<void>;
}

export interface EventSink {
  /** Why events are refused and what to do, in one line for operators. Null if unknown. */
  explainRefusal?(): string | null;
  /** Opens a channel. Rejects while there is no connection. */
  openChannel(): Promise<EventChannel>;
}

export interface ReceiptSender {
  /**
   * Best effort: never throws, never waits. A reply address that the contract does not allow is ignored and counted.
   */
  send(replyTo: string, correlationId: string, receipt: Receipt): void;
}

export type DeadLetterReason = 'malformed' | 'misrouted' | 'poison';

export interface DeadLetters {
  /**
   * Stores a command as a dead letter, with its body and properties unchanged. Resolves when the broker has confirmed
   * it.
   */
  deadLetter(delivery: Delivery, reason: DeadLetterReason, detail: string): Promise<void>;
}

/** The `app_id` of commands from the REST API, for the policy. */
export const REST_APP_ID = 'parley-rest';

/** A command that one of our own APIs submits. */
export interface OutgoingCommand {
  type: string;
  commandId: string;
  /** The chat id; for a command about no chat the actor id. */
  routingKey: string;
  body: Uint8Array;
  authorization: string | null;
  traceparent: string | null;
  tracestate: string | null;
}

export interface CommandGateway {
  /**
   * Publishes a command and waits for its receipt. Null if no receipt came within `waitMs`: the command is still in
   * progress, and its receipt will be in the store. Rejects with `CommandUnavailable` if the transport did not accept
   * the command.
   */
  request(command: OutgoingCommand, waitMs: number): Promise<Receipt | null>;
}

export class CommandUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CommandUnavailable';
  }
}

/** The differences between transports. `test/conformance/transport/` tests each declared capability. */
export interface TransportCapabilities {
  /** Accepted commands remain when the process ends. */
  durable: boolean;
  /** Several processes can use the transport at the same time. */
  shared: boolean;
  /** An event without a queue is reported as `returned`. */
  returnsUnroutable: boolean;
  /** The room for events is limited; an event above it is reported as `refused`. */
  refusesWhenFull: boolean;
  /** It has a live feed (live-feed.ts). Without it, nothing can be pushed to connected users. */
  liveFeed: boolean;
}

/** Counters of the transport since the start of the process, for the metrics. */
export interface TransportCounters {
  /** Receipts not sent because the contract does not allow their reply address. */
  receiptsIgnored: number;
  /** Receipts not sent because there was no connection, or because too many were waiting for it. */
  receiptsDropped: number;
  /** Repairs of the routing by this process. */
  routingRepairs: number;
  /** Subscriptions that ended without being closed. */
  subscriptionsLost: number;
}
