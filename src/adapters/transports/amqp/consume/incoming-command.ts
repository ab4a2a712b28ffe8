import type { ConsumeMessage } from 'amqplib';
import type { Delivery } from '../../../../application/ports/transport.js';
import type { IncomingCommand } from '../../../../contract/messages/delivery.js';

/** Marks the end of what may have come in at the wrong queue (see hash-ring.ts). */
export const RING_MARKER_TYPE = 'parley.ring-repaired';
export const RING_GENERATION_HEADER = 'x-parley-ring-generation';
/**
 * On a command that came to a wrong partition and was published to its home queue directly: what routing key it was published with first, since a queue
 * is addressed by its own name. Believed only on what came through the default exchange, where no producer can publish.
 */
export const SENT_HOME_HEADER = 'x-parley-sent-home';
/**
 * Whom the broker had vouched for before we published a command again: it lets nobody name another than himself. Believed
 * only beside our own name in `user_id`, which for the same reason none but us can have set.
 */
export const VOUCHED_USER_HEADER = 'x-parley-user-id';
/** A `user_id` has no more: quotas count by it, and decisions record it. */
const USER_ID_MAX_LENGTH = 255;

/** A delivery, with the message it was made of: rerouting and burying need what `incoming` leaves out. */
export class AmqpDelivery implements Delivery {
  readonly tag: number;
  readonly incoming: IncomingCommand;
  readonly deliveryCount: number;
  readonly ringMarker: number | null;
  readonly isForwarded: boolean;
  readonly message: ConsumeMessage;

  /** `ownUser`: as whom our connections are logged in. */
  constructor(message: ConsumeMessage, ownUser: string) {
    this.tag = message.fields.deliveryTag;
    this.message = message;
    this.incoming = toIncomingCommand(message, ownUser);
    this.deliveryCount = deliveryCountOf(message);
    this.ringMarker = ringMarkerOf(message);
    this.isForwarded = originalRoutingKeyOf(message) !== null;
  }

  /** The delivery as this adapter made it. A copy of one is a bug: it has lost its message. */
  static from(delivery: Delivery): AmqpDelivery {
    if (delivery instanceof AmqpDelivery) return delivery;
    throw new TypeError('not a delivery of this transport');
  }
}

/** Everything about a message is its producer's word: types are checked here, contents by the contract. */
export function toIncomingCommand(message: ConsumeMessage, ownUser: string): IncomingCommand {
  const { content, fields, properties } = message;
  const headers = toHeaders(properties.headers);
  const vouched = text(headers[VOUCHED_USER_HEADER]);
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

/** A header named `__proto__` would otherwise lend the table properties that are not its own. */
function toHeaders(headers: unknown): Record<string, unknown> {
  if (typeof headers !== 'object' || headers === null) return {};
  return Object.getPrototypeOf(headers) === Object.prototype ? (headers as Record<string, unknown>) : { ...headers };
}

/** The broker's counter; before its first return a message carries only what its producer put there, which counts for nothing. */
function deliveryCountOf({ fields, properties }: ConsumeMessage): number {
  if (!fields.redelivered) return 0;
  const count: unknown = properties.headers?.['x-delivery-count'];
  return typeof count === 'number' && Number.isSafeInteger(count) ? Math.max(1, count) : 1;
}

/** Producers publish through the door; only workers may use the default exchange to reach a partition's queue. */
function ringMarkerOf({ fields, properties }: ConsumeMessage): number | null {
  if (fields.exchange !== '' || properties.type !== RING_MARKER_TYPE) return null;
  const generation: unknown = properties.headers?.[RING_GENERATION_HEADER];
  return typeof generation === 'number' && Number.isSafeInteger(generation) ? generation : null;
}

/** Null where the command was not sent home. */
function originalRoutingKeyOf({ fields, properties }: ConsumeMessage): string | null {
  if (fields.exchange !== '') return null;
  const key: unknown = properties.headers?.[SENT_HOME_HEADER];
  return typeof key === 'string' ? key : null;
}
