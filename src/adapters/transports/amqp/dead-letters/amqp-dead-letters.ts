import type { DeadLetterReason, DeadLetters, Delivery } from '../../../../application/ports/transport/transport.js';
import { names } from '../../../../contract/messages/topology.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { AmqpDelivery } from '../consume/incoming-command.js';
import type { ConfirmedPublisher } from '../publish/confirmed-publisher.js';
import { republishProperties } from './republish-properties.js';

/** Longer details are cut. */
export const DETAIL_MAX_CHARACTERS = 1_000;

export interface DeadLetterContext {
  namespace: string;
  /** Value of the header `x-parley-worker`. */
  workerId: string;
  /** The user of the connection. */
  ownUser: string;
  logger: Logger;
}

/** Publishes to `<namespace>.dead-letters`. The caller acknowledges the delivery after the confirm. */
export class AmqpDeadLetters implements DeadLetters {
  readonly #publisher: ConfirmedPublisher;
  readonly #context: DeadLetterContext;

  constructor(publisher: ConfirmedPublisher, context: DeadLetterContext) {
    this.#publisher = publisher;
    this.#context = context;
  }

  async deadLetter(delivery: Delivery, reason: DeadLetterReason, detail: string): Promise<void> {
    const { message, incoming } = AmqpDelivery.from(delivery);
    const { namespace, workerId, ownUser, logger } = this.#context;
    const { properties, dropped } = republishProperties(message, ownUser);
    const marks: Record<string, string> = {
      'x-parley-reason': reason,
      'x-parley-detail': detail.slice(0, DETAIL_MAX_CHARACTERS).toWellFormed(),
      'x-parley-at': new Date().toISOString(),
      'x-parley-worker': workerId,
      'x-parley-routing-key': incoming.routingKey,
    };
    // With its expiration, the dead letter itself would expire unnoticed.
    const expiration: unknown = message.properties.expiration;
    if (typeof expiration === 'string') marks['x-parley-expiration'] = expiration;
    const publish = (headers: Record<string, unknown>, missing: readonly string[]) =>
      this.#publisher.publish({
        exchange: '',
        routingKey: names.deadLetters(namespace),
        body: message.content,
        properties: {
          ...properties,
          headers: { ...headers, ...marks, ...(missing.length > 0 && { 'x-parley-dropped': missing.join(', ') }) },
        },
      });
    try {
      await publish(properties.headers, dropped);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
      logger.warn('dead letter published without headers that cannot be encoded', { reason, error: error.message });
      await publish({}, [...dropped, 'headers']);
    }
  }
}
