import type { ChannelModel } from 'amqplib';
import type {
  CommandSource,
  Delivery,
  Subscription,
  SubscriptionHandlers,
  TransportCounters,
} from '../../application/ports/transport.js';
import { names } from '../../contract/topology.js';
import { AmqpSubscription } from './amqp-subscription.js';
import { carryOver } from './carry-over.js';
import type { ConfirmedPublisher } from './confirmed-publisher.js';
import { AmqpDelivery } from './incoming-command.js';

export interface CommandSourceContext {
  namespace: string;
  /** As whom the connections are logged in. */
  ownUser: string;
  counters: TransportCounters;
  /** The connection to consume on. Throws while it is away or the broker's objects are not in order yet. */
  whenReady(): ChannelModel;
  /** Told when a partition's queue was found missing. */
  onQueueMissing(): void;
}

export class AmqpCommandSource implements CommandSource {
  readonly #publisher: ConfirmedPublisher;
  readonly #context: CommandSourceContext;

  /** `publisher` is on the publishing connection: one that the broker holds up must not hold up acknowledgements. */
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
      return await AmqpSubscription.open(whenReady(), queue, prefetch, counted, ownUser);
    } catch (error) {
      if ((error as { code?: unknown }).code === 404) onQueueMissing();
      throw error;
    }
  }

  /** Published to the hash exchange with its own routing key and properties; the caller acknowledges the delivery afterwards. */
  async reroute(delivery: Delivery): Promise<void> {
    const { message } = AmqpDelivery.from(delivery);
    const { properties } = carryOver(message, this.#context.ownUser);
    const expiration: unknown = message.properties.expiration;
    await this.#publisher.publish({
      exchange: names.commandsByChat(this.#context.namespace),
      routingKey: message.fields.routingKey,
      body: message.content,
      properties: typeof expiration === 'string' ? { ...properties, expiration } : properties,
    });
  }
}
