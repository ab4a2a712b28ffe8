import type { ChannelModel, ConsumeMessage } from 'amqplib';
import type {
  CommandSource,
  Delivery,
  Subscription,
  SubscriptionHandlers,
  TransportCounters,
} from '../../../../application/ports/transport.js';
import { names } from '../../../../contract/messages/topology.js';
import { republishProperties } from '../dead-letters/republish-properties.js';
import type { ConfirmedPublisher } from '../publish/confirmed-publisher.js';
import { answerToProbe, isRingProbe } from '../topology/ring-probe.js';
import { AmqpSubscription } from './amqp-subscription.js';
import { AmqpDelivery, FORWARDED_HEADER } from './incoming-command.js';

export interface CommandSourceContext {
  namespace: string;
  /** The user of the connections. */
  ownUser: string;
  counters: TransportCounters;
  /** The connection for consuming. Throws while it is away or the broker is not prepared. */
  whenReady(): ChannelModel;
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
    const { namespace, ownUser, counters, whenReady, onQueueMissing } = this.#context;
    const queue = names.commandQueue(namespace, partition);
    const counted: SubscriptionHandlers = {
      onDelivery: (delivery) => handlers.onDelivery(delivery),
      onLost: (cause) => {
        counters.subscriptionsLost += 1;
        handlers.onLost(cause);
      },
    };
    try {
      return await AmqpSubscription.open(whenReady(), queue, prefetch, counted, {
        ownUser,
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
