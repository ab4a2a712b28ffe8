import type { ConsumeMessage } from 'amqplib';
import type { Delivery } from '../../../../application/ports/transport/transport.js';
import type { IncomingCommand } from '../../../../contract/messages/delivery.js';

/** Marks the end of the commands that may be in the wrong queue (see hash-ring.ts). */
export const RING_MARKER_TYPE = 'parley.ring-repaired';
export const RING_GENERATION_HEADER = 'x-parley-ring-generation';
/**
 * Set on a command that arrived at a wrong partition and was published directly to the queue of its own partition. It
 * has the original routing key, because the default exchange needs the queue's name as routing key. It is trusted only
 * on messages from the default exchange, where producers cannot publish.
 */
export const FORWARDED_HEADER = 'x-parley-forwarded';
/**
 * The `user_id` that the broker had verified before we republished the command, because we can publish only with our
 * own. It is trusted only if `user_id` is our own, which only we can set.
 */
export const VERIFIED_USER_HEADER = 'x-parley-user-id';
/** Maximum length of a `user_id` in AMQP. Quotas count by it, and decisions record it. */
const USER_ID_MAX_LENGTH = 255;

/** A delivery with its original message: rerouting and dead-lettering need fields that `incoming` does not have. */
export class AmqpDelivery implements Delivery {
  readonly tag: number;
  readonly incoming: IncomingCommand;
  readonly deliveryCount: number;
  readonly mayBeMisplaced: boolean;
  readonly isForwarded: boolean;
  readonly message: ConsumeMessage;

  /** `ownUser` is the user of our connections. */
  constructor(message: ConsumeMessage, ownUser: string, mayBeMisplaced: boolean) {
    this.tag = message.fields.deliveryTag;
    this.message = message;
    this.incoming = toIncomingCommand(message, ownUser);
    this.deliveryCount = deliveryCountOf(message);
    this.mayBeMisplaced = mayBeMisplaced;
    this.isForwarded = originalRoutingKeyOf(message) !== null;
  }

  /** The delivery as this adapter created it. A copy has lost its message, which is a bug. */
  static from(delivery: Delivery): AmqpDelivery {
    if (delivery instanceof AmqpDelivery) return delivery;
    throw new TypeError('not a delivery of this transport');
  }
}

/** Producers control everything in a message. Types are checked here, contents by the contract. */
export function toIncomingCommand(message: ConsumeMessage, ownUser: string): IncomingCommand {
  const { content, fields, properties } = message;
  const headers = toHeaders(properties.headers);
  const vouched = text(headers[VERIFIED_USER_HEADER]);
  const isVouched = vouched !== undefined && vouched.length <= USER_ID_MAX_LENGTH;
  const userId = text(properties.userId);
  return {
    body: content,
    routingKey: originalRoutingKeyOf(message) ?? fields.routingKey,
    type: text(properties.type),
    messageId: text(properties.messageId),
    contentType: text(properties.contentType),
    contentEncoding: text(properties.contentEncoding),
    replyTo: text(properties.replyTo),
    correlationId: text(properties.correlationId),
    appId: text(properties.appId),
    userId: userId === ownUser && isVouched ? vouched : userId,
    priority: typeof properties.priority === 'number' ? properties.priority : undefined,
    headers,
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Without this check, a header named `__proto__` would give the table inherited properties. */
function toHeaders(headers: unknown): Record<string, unknown> {
  if (typeof headers !== 'object' || headers === null) return {};
  return Object.getPrototypeOf(headers) === Object.prototype ? (headers as Record<string, unknown>) : { ...headers };
}

/**
 * The broker's delivery counter. Before the first redelivery the header has only the producer's value, which is
 * ignored.
 */
function deliveryCountOf({ fields, properties }: ConsumeMessage): number {
  if (!fields.redelivered) return 0;
  const count: unknown = properties.headers?.['x-delivery-count'];
  return typeof count === 'number' && Number.isSafeInteger(count) ? Math.max(1, count) : 1;
}

/**
 * The generation of a ring marker. Null if the message is a command. Only workers may publish to a partition's queue
 * through the default exchange. Producers may not.
 */
export function ringMarkerOf({ fields, properties }: ConsumeMessage): number | null {
  if (fields.exchange !== '' || properties.type !== RING_MARKER_TYPE) return null;
  const generation: unknown = properties.headers?.[RING_GENERATION_HEADER];
  return typeof generation === 'number' && Number.isSafeInteger(generation) ? generation : null;
}

/** Null if the command was not forwarded. */
function originalRoutingKeyOf({ fields, properties }: ConsumeMessage): string | null {
  if (fields.exchange !== '') return null;
  const key: unknown = properties.headers?.[FORWARDED_HEADER];
  return typeof key === 'string' ? key : null;
}
