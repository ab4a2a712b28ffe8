import type { ChannelModel, ConsumeMessage } from 'amqplib';
import type {
  CommandSource,
  Delivery,
  Subscription,
  SubscriptionHandlers,
  TransportCounters,
} from '../../../../application/ports/transport.js';
import { names } from '../../../../contract/messages/topology.js';
import { carryOver } from '../dead-letters/republish-properties.js';
import type { ConfirmedPublisher } from '../publish/confirmed-publisher.js';
import { answerToProbe, isRingProbe } from '../topology/ring-probe.js';
import { AmqpSubscription } from './amqp-subscription.js';
import { AmqpDelivery, SENT_HOME_HEADER } from './incoming-command.js';

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

  /** Published to the hash exchange with its own routing key and properties; the caller acknowledges the delivery afterwards. */
  reroute(delivery: Delivery): Promise<void> {
    const { incoming } = AmqpDelivery.from(delivery);
    return this.#publishAgain(delivery, names.commandsByChat(this.#context.namespace), incoming.routingKey);
  }

  forward(delivery: Delivery, home: number): Promise<void> {
    const { incoming } = AmqpDelivery.from(delivery);
    const queue = names.commandQueue(this.#context.namespace, home);
    return this.#publishAgain(delivery, '', queue, { [SENT_HOME_HEADER]: incoming.routingKey });
  }

  async #publishAgain(
    delivery: Delivery,
    exchange: string,
    routingKey: string,
    marks: Record<string, unknown> = {},
  ): Promise<void> {
    const { message } = AmqpDelivery.from(delivery);
    const { properties } = carryOver(message, this.#context.ownUser);
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

  /** Best effort: a process that asks in vain says so after its time. */
  #answerProbe(message: ConsumeMessage, partition: number): void {
    const answer = answerToProbe(message, this.#context.namespace, partition);
    if (answer !== null) this.#publisher.publish(answer).catch(() => undefined);
  }
}
