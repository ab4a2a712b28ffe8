import type {
  EventChannel,
  EventSink,
  OutgoingEvent,
  PublishOutcome,
} from '../../../../application/ports/transport/transport.js';
import { EVENT_CONTENT_TYPE } from '../../../../contract/messages/events.js';
import { names } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { ConnectionAway } from '../../../../infrastructure/amqp/amqp-failure.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { type AmqpMessage, ConfirmedChannel } from './confirmed-channel.js';
import type { DispatchBacklog } from './dispatch-backlog.js';
import { closeChannel } from './lazy-channel.js';

/** The exchange and routing key of an event. */
export type EventAddress = (event: OutgoingEvent) => { exchange: string; routingKey: string };

/** The exchange `<namespace>.events`, for all bound queues. */
export function toEventsExchange(namespace: string): EventAddress {
  const exchange = names.events(namespace);
  return ({ routingKey }) => ({ exchange, routingKey });
}

/** A single queue, through the default exchange. */
export function toQueue(queue: string): EventAddress {
  return () => ({ exchange: '', routingKey: queue });
}

/** Publishes events as persistent and mandatory, each with its own confirm. */
export class AmqpEventSink implements EventSink {
  readonly #connection: AmqpConnection;
  readonly #address: EventAddress;
  readonly #logger: Logger;
  readonly #backlog: DispatchBacklog | undefined;

  /** `backlog` is notified of refusals and explains them. */
  constructor(connection: AmqpConnection, address: EventAddress, logger: Logger, backlog?: DispatchBacklog) {
    this.#connection = connection;
    this.#address = address;
    this.#logger = logger;
    this.#backlog = backlog;
  }

  explainRefusal(): string | null {
    return this.#backlog?.explainRefusal() ?? null;
  }

  async openChannel(): Promise<EventChannel> {
    const model = this.#connection.current();
    const channel = await model.createConfirmChannel();
    const confirmed = new ConfirmedChannel(channel, (returned) => returned.properties.messageId);
    // The connection may have closed before the listener was added.
    if (this.#connection.current() !== model) throw new ConnectionAway(this.#connection.name);
    return new AmqpEventChannel(confirmed, this.#address, this.#logger, () => this.#backlog?.noteRefusal());
  }
}

class AmqpEventChannel implements EventChannel {
  readonly #confirmed: ConfirmedChannel;
  readonly #address: EventAddress;
  readonly #logger: Logger;
  #isWritable = true;

  constructor(
    confirmed: ConfirmedChannel,
    address: EventAddress,
    logger: Logger,
    private readonly onRefusal: () => void,
  ) {
    this.#confirmed = confirmed;
    this.#address = address;
    this.#logger = logger;
    confirmed.channel.on('drain', () => {
      this.#isWritable = true;
    });
  }

  publish(event: OutgoingEvent, settled: (outcome: PublishOutcome) => void): void {
    const settle = (outcome: PublishOutcome) => {
      if (outcome === 'refused') this.onRefusal();
      try {
        settled(outcome);
      } catch (error) {
        // If the error reached the library's frame loop, it would close the whole connection.
        this.#logger.error('event outcome handler failed', { eventId: event.id, outcome, error });
      }
    };
    try {
      this.#isWritable = this.#confirmed.publish(toMessage(this.#address(event), event), event.id, settle);
    } catch (error) {
      this.#logger.error('event cannot be encoded', { eventId: event.id, error });
      queueMicrotask(() => settle('refused'));
    }
  }

  writable(): Promise<void> {
    const { channel, isClosed } = this.#confirmed;
    if (this.#isWritable || isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        channel.off('drain', done);
        channel.off('close', done);
        resolve();
      };
      channel.on('drain', done);
      channel.on('close', done);
    });
  }

  close(): Promise<void> {
    return this.#confirmed.isClosed ? Promise.resolve() : closeChannel(this.#confirmed.channel);
  }
}

function toMessage({ exchange, routingKey }: ReturnType<EventAddress>, event: OutgoingEvent): AmqpMessage {
  const headers: Record<string, string> = { 'chat-id': event.partitionKey };
  if (event.traceparent !== null) headers.traceparent = event.traceparent;
  if (event.tracestate !== null) headers.tracestate = event.tracestate;
  return {
    exchange,
    routingKey,
    body: event.body,
    properties: {
      messageId: event.id,
      type: event.type,
      contentType: EVENT_CONTENT_TYPE,
      persistent: true,
      timestamp: event.timestamp,
      headers,
    },
  };
}
