import type { ChannelModel, ConsumeMessage } from 'amqplib';
import type { TransportState } from '../../../../application/ports/store/transport-state.js';
import type {
  CommandSource,
  Delivery,
  Subscription,
  SubscriptionHandlers,
  TransportCounters,
} from '../../../../application/ports/transport/transport.js';
import { names } from '../../../../contract/messages/topology.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { republishProperties } from '../dead-letters/republish-properties.js';
import type { ConfirmedPublisher } from '../publish/confirmed-publisher.js';
import { RING_GENERATION, ringSeenBy } from '../topology/hash-ring.js';
import { answerToProbe, isRingProbe } from '../topology/ring-probe.js';
import { AmqpSubscription } from './amqp-subscription.js';
import { AmqpDelivery, FORWARDED_HEADER } from './incoming-command.js';

export interface CommandSourceContext {
  namespace: string;
  /** The user of the connections. */
  ownUser: string;
  counters: TransportCounters;
  logger: Logger;
  /** The connection for consuming, and the transport's state. Throws while the broker is away or not prepared. */
  whenReady(): { model: ChannelModel; state: TransportState };
  /** Called when a partition's queue is missing. */
  onQueueMissing(): void;
}

export class AmqpCommandSource implements CommandSource {
  readonly #publisher: ConfirmedPublisher;
  readonly #context: CommandSourceContext;

  /** `publisher` uses the publishing connection: when the broker blocks that one, acknowledgements must continue. */
  constructor(publisher: ConfirmedPublisher, context: CommandSourceContext) {
    this.#publisher = publisher;
    this.#context = context;
  }

  async subscribe(partition: number, prefetch: number, handlers: SubscriptionHandlers): Promise<Subscription> {
    const { namespace, ownUser, counters, logger, whenReady, onQueueMissing } = this.#context;
    const queue = names.commandQueue(namespace, partition);
    const counted: SubscriptionHandlers = {
      onDelivery: (delivery) => handlers.onDelivery(delivery),
      onLost: (cause) => {
        counters.subscriptionsLost += 1;
        handlers.onLost(cause);
      },
    };
    const { model, state } = whenReady();
    const seen = ringSeenBy(partition);
    const [wanted = 0, passed = 0] = await state.read([RING_GENERATION, seen]);
    try {
      return await AmqpSubscription.open(model, queue, prefetch, counted, {
        ownUser,
        logger,
        markerDue: passed < wanted ? wanted : null,
        onMarkerPassed: (generation) => state.raise(seen, generation),
        isProbe: (message) => isRingProbe(message, namespace),
        onProbe: (message) => this.#answerProbe(message, partition),
      });
    } catch (error) {
      if ((error as { code?: unknown }).code === 404) onQueueMissing();
      throw error;
    }
  }

  /**
   * Publishes to the hash exchange with the original routing key and properties. The caller acknowledges the delivery
   * afterwards.
   */
  reroute(delivery: Delivery): Promise<void> {
    const { incoming } = AmqpDelivery.from(delivery);
    return this.#publishAgain(delivery, names.commandsByChat(this.#context.namespace), incoming.routingKey);
  }

  forward(delivery: Delivery, home: number): Promise<void> {
    const { incoming } = AmqpDelivery.from(delivery);
    const queue = names.commandQueue(this.#context.namespace, home);
    return this.#publishAgain(delivery, '', queue, { [FORWARDED_HEADER]: incoming.routingKey });
  }

  async #publishAgain(
    delivery: Delivery,
    exchange: string,
    routingKey: string,
    marks: Record<string, unknown> = {},
  ): Promise<void> {
    const { message } = AmqpDelivery.from(delivery);
    const { properties } = republishProperties(message, this.#context.ownUser);
    const expiration: unknown = message.properties.expiration;
    await this.#publisher.publish({
      exchange,
      routingKey,
      body: message.content,
      properties: {
        ...properties,
        headers: { ...properties.headers, ...marks },
        ...(typeof expiration === 'string' ? { expiration } : {}),
      },
    });
  }

  /** Best effort: without an answer the asking process reports a timeout. */
  #answerProbe(message: ConsumeMessage, partition: number): void {
    const answer = answerToProbe(message, this.#context.namespace, partition);
    if (answer !== null) this.#publisher.publish(answer).catch(() => undefined);
  }
}
