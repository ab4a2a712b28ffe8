/**
 * What follows the event log besides the publisher: a search index, webhooks, Kafka. The relay delivers the log of each
 * partition in position order, at least once, from one relay at a time. docs/relay.md is the recipe for a new consumer.
 */
import type { CloudEvent } from '../../contract/messages/events.js';
import type { LoggedEvent } from './store/log/event-log.js';
import type { MessageText } from './store/log/followed-log.js';

/** Where a new consumer starts. A time: at the first event at or after it. */
export type StartAt = 'now' | 'beginning' | Date;

interface Delivered {
  /** In the log of the partition. In partition −1: the number of the import that brought the event's chat. */
  position: number;
  /** In the chat. */
  sequence: number | null;
}

export interface DeliveredEvent extends Delivered {
  /** With the current text; an erased text is gone. */
  entry: LoggedEvent;
  /** With the recipients as of the event. */
  event: CloudEvent;
}

export interface DeliveredText extends Delivered {
  /** The text that the message has now. Null if the event is not about a text, or the text is gone. */
  text: MessageText | null;
}

export interface Delivery<Item extends Delivered = DeliveredEvent> {
  /** −1: imported chats. */
  partition: number;
  /** The fencing token. A sink must refuse a delivery whose epoch is below the highest one that it has seen. */
  epoch: number;
  /** Where the cursor is now. */
  after: number;
  /** Where the cursor will be when all events are taken. */
  through: number;
  /** Parked events that are tried again. The cursor does not move. */
  isRetry: boolean;
  /** At least one, in position order; positions can be missing where events were pruned. */
  events: Item[];
}

export type DeliveryResult =
  /** All events are in the sink, as durably as the sink promises. */
  | { outcome: 'taken' }
  /**
   * The event at `index` failed by itself and would always fail; those before it are in the sink. It is parked with
   * `code`: 1 to 64 of a–z, 0–9 and `-`. The code must not contain anything of the event.
   */
  | { outcome: 'failed'; index: number; code: string }
  /** The sink has seen a higher epoch. Nothing was taken. */
  | { outcome: 'fenced' };

/** Events that retention deleted before the consumer read them. Only events of rejected commands are ever deleted. */
export interface Overtaken {
  partition: number;
  epoch: number;
  /** The missing events are after this position … */
  after: number;
  /** … and not after this one. */
  through: number;
  missing: number;
}

interface Consumer<Item extends Delivered> {
  /** Key of its cursors: 1 to 64 of a–z, 0–9 and `-`. A new name is a new consumer. */
  readonly name: string;
  readonly start: StartAt;
  /** Whether it also gets the events of imported chats, in the order of the imports. They never pass the log. */
  readonly imports: 'include' | 'exclude';
  /** True for a sink in our database that moves its cursor, under its epoch, in the statement that takes the events. */
  readonly movesCursor: boolean;
  /** Maximum number of events in one delivery, 1 to 1,000. If absent: 256. */
  readonly deliveryMax?: number;
  /**
   * Pause in milliseconds after a delivery that is not full, so that the next one has more events. If absent: none; the
   * log is read again at once.
   */
  readonly pauseMs?: number;
  /**
   * A rejection means that the sink is down: the same events come again, with backoff, for ever. `signal` aborts when
   * the relay stops or loses the cursor.
   */
  deliver(delivery: Delivery<Item>, signal: AbortSignal): Promise<DeliveryResult>;
  /** Called before the cursor passes the missing events. Repeated while it rejects. */
  onOvertaken(overtaken: Overtaken): Promise<void>;
  /** Called when the relay stops, after the last delivery. */
  close(): Promise<void>;
}

/** Gets events as they are published. */
export interface EventConsumer extends Consumer<DeliveredEvent> {
  readonly content: 'cloud-events';
}

/** Gets texts only, which costs a fraction of reading and rendering the events. */
export interface TextConsumer extends Consumer<DeliveredText> {
  readonly content: 'texts';
}

export type LogConsumer = EventConsumer | TextConsumer;
