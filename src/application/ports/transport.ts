/**
 * The message transport: commands in, events, receipts and dead letters out. Two adapters pass one conformance suite: `amqp`
 * (RabbitMQ) and `in-process`.
 */
import type { IncomingCommand } from '../../contract/messages/delivery.js';
import type { Receipt } from '../../contract/messages/receipts.js';

export interface Delivery {
  /** Increasing within one subscription, in the order of arrival; what acknowledging refers to. */
  tag: number;
  incoming: IncomingCommand;
  /** How often it was given back before; 0 at first. */
  deliveryCount: number;
  /** Set where this is no command but the marker of a ring repair. */
  ringMarker: number | null;
  /** It came to a wrong partition before and was published to this one's queue directly (`CommandSource.sendHome`). */
  isSentHome: boolean;
}

export interface SubscriptionHandlers {
  /** Called in order. Must not throw. */
  onDelivery(delivery: Delivery): void;
  /**
   * The subscription has ended without `close` having been called (channel or connection lost, queue deleted). Called once;
   * no delivery follows, older tags are void, and what was not acknowledged will come again, in order.
   */
  onLost(cause: Error): void;
}

export interface Subscription {
  /** Acknowledges everything up to and including this delivery. Does nothing once the subscription has ended. */
  acknowledgeThrough(tag: number): void;
  /** Gives everything unacknowledged back, in order, by closing the channel. Never nack, never cancel with messages in hand. */
  close(): Promise<void>;
}

export interface CommandSource {
  /**
   * Subscribes to a partition's queue as its single active consumer, or waits in line to become it. At most `prefetch`
   * deliveries are unacknowledged at a time. Rejects while there is no connection.
   */
  subscribe(partition: number, prefetch: number, handlers: SubscriptionHandlers): Promise<Subscription>;
  /** Sends a command that came in at the wrong queue back through the hash exchange; resolves when it is confirmed there. */
  reroute(delivery: Delivery): Promise<void>;
  /**
   * Publishes a command to the queue of the partition that its chat belongs to, past the hash exchange, with its routing key and properties, and marks
   * it (`Delivery.isSentHome`). Resolves when the queue has it; the caller acknowledges the delivery after that. Rejects with `TypeError` or
   * `RangeError` where its properties cannot be written again.
   */
  sendHome(delivery: Delivery, home: number): Promise<void>;
}

/** An event on its way out, rendered: the very bytes. */
export interface OutgoingEvent {
  /** CloudEvents id; also the AMQP message id. */
  id: string;
  type: string;
  routingKey: string;
  /** Header `chat-id`, to hash by: the chat's id, or the actor's where there is no chat. */
  partitionKey: string;
  traceparent: string | null;
  tracestate: string | null;
  /** Whole seconds since 1970, for the AMQP timestamp. */
  timestamp: number;
  body: Uint8Array;
}

/**
 * What became of a published event: `confirmed` (every queue it was routed to has it), `refused` (a queue is full), `returned` (no
 * queue is bound for it), `lost` (the channel went before it was known).
 */
export type PublishOutcome = 'confirmed' | 'refused' | 'returned' | 'lost';

/** A channel to publish one partition's events on, in order. */
export interface EventChannel {
  /** Publishes; `settled` is called exactly once per event, with no promise of order among outcomes. Never throws. */
  publish(event: OutgoingEvent, settled: (outcome: PublishOutcome) => void): void;
  /** Resolves once the transport can take more without buffering without bound. */
  writable(): Promise<void>;
  close(): Promise<void>;
}

export interface EventSink {
  /** Why events are refused and what to do, in one line for operators; null: not known. */
  explainRefusal?(): string | null;
  /** Opens a channel; rejects while there is no connection. */
  openChannel(): Promise<EventChannel>;
}

export interface ReceiptSender {
  /** Best effort: never throws, never waits. A reply address the contract does not admit is ignored and counted. */
  send(replyTo: string, correlationId: string, receipt: Receipt): void;
}

export type DeadLetterReason = 'malformed' | 'misrouted' | 'poison';

export interface DeadLetters {
  /** Puts a command away, body and properties untouched; resolves when it is confirmed. */
  bury(delivery: Delivery, reason: DeadLetterReason, detail: string): Promise<void>;
}

/** What REST's own door calls itself as a producer: `app_id`, which the policy can go by. */
export const REST_APP_ID = 'parley-rest';

/** A command on its way in, from one of our own doors. */
export interface OutgoingCommand {
  type: string;
  commandId: string;
  /** The chat id; for `user.upsert` the actor id. */
  routingKey: string;
  body: Uint8Array;
  authorization: string | null;
  traceparent: string | null;
  tracestate: string | null;
}

export interface CommandGateway {
  /**
   * Publishes a command and awaits its receipt. Null: none came within `waitMs`; the command is on its way all the same, and its receipt
   * will be found in the store. Rejects with `DoorClosed` if the command was not accepted by the transport.
   */
  request(command: OutgoingCommand, waitMs: number): Promise<Receipt | null>;
}

export class CommandUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DoorClosed';
  }
}

/** What the transport has done quietly, since the process started: for the metrics. */
export interface TransportCounters {
  /** Receipts not sent because the contract does not admit their reply address. */
  receiptsIgnored: number;
  /** Receipts not sent because there was no connection, or too many were waiting for it. */
  receiptsDropped: number;
  /** Ring repairs done by this process. */
  ringRepairs: number;
  /** Subscriptions that ended without having been closed. */
  subscriptionsLost: number;
}
