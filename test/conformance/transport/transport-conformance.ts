/**
 * What every transport promises (`src/application/ports/transport/transport.ts`), asked of each adapter by the same
 * tests. Cases that need a capability run where it is declared, and fail where it is declared but missing.
 */
import type { LiveFeed } from '../../../src/application/ports/transport/live-feed.js';
import type {
  CommandGateway,
  CommandSource,
  DeadLetters,
  Delivery,
  EventSink,
  ReceiptSender,
  Subscription,
  SubscriptionHandlers,
  TransportCapabilities,
} from '../../../src/application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../src/contract/messages/delivery.js';
import { capabilitiesConformance } from './capabilities.js';
import { consumingConformance } from './consuming.js';
import { liveFeedConformance } from './live-feed.js';
import { publishingConformance } from './publishing.js';

export interface SeenEvent {
  id: string;
  body: string;
}

/** A running transport, and the outside world on its other side. */
export interface TransportUnderTest {
  source: CommandSource;
  sink: EventSink;
  /** Null: it has none. */
  live: LiveFeed | null;
  receipts: ReceiptSender;
  deadLetters: DeadLetters;
  door: CommandGateway;
  /** As a producer does that knows nothing of us. Resolves once the transport has it. */
  publish(command: IncomingCommand): Promise<void>;
  /** What a consumer of events has got so far, in order. */
  events(): readonly SeenEvent[];
  /** What lies in the dead letters so far, in order. */
  deadLettered(): readonly IncomingCommand[];
  ignoredReceipts(): number;
  /** Ends this transport like its process. External state stays. */
  stop(): Promise<void>;
  /** The transport of another process, with the same outside. Absent if no other process can use it. */
  another?(): Promise<TransportUnderTest>;
  /** Ends this transport and removes its external state. */
  close(): Promise<void>;
}

export interface TransportHarness {
  capabilities: TransportCapabilities;
  /**
   * `events`: whether a consumer takes them, nobody has asked for them, or nobody takes them and there is hardly any
   * room.
   */
  open(options: { partitions: number; events: 'consumed' | 'unwanted' | 'stuck' }): Promise<TransportUnderTest>;
}

export function transportConformance(harness: TransportHarness): void {
  capabilitiesConformance(harness);
  consumingConformance(harness);
  publishingConformance(harness);
  liveFeedConformance(harness);
}

/** Handlers that record their calls. */
export class Taker implements SubscriptionHandlers {
  readonly deliveries: Delivery[] = [];
  readonly losses: Error[] = [];
  readonly #onEach: ((delivery: Delivery) => void) | undefined;

  constructor(onEach?: (delivery: Delivery) => void) {
    this.#onEach = onEach;
  }

  onDelivery(delivery: Delivery): void {
    this.deliveries.push(delivery);
    this.#onEach?.(delivery);
  }

  onLost(cause: Error): void {
    this.losses.push(cause);
  }

  /** The command ids, in order of arrival. */
  get ids(): (string | undefined)[] {
    return this.deliveries.map(({ incoming }) => incoming.messageId);
  }

  get counts(): number[] {
    return this.deliveries.map(({ deliveryCount }) => deliveryCount);
  }
}

export function command(messageId: string, routingKey: string, more: Partial<IncomingCommand> = {}): IncomingCommand {
  return {
    body: Buffer.from(JSON.stringify({ actorId: 'alice', note: messageId })),
    routingKey,
    type: 'message.send',
    messageId,
    contentType: 'application/json',
    headers: {},
    ...more,
  };
}

/** `c1`, `c2` … */
export function ids(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `c${from + index}`);
}

export async function closeAll(subscriptions: readonly Subscription[]): Promise<void> {
  await Promise.all(subscriptions.map((subscription) => subscription.close()));
}
