import type { ConsumeMessage, Options } from 'amqplib';
import { SENT_HOME_HEADER, VOUCHED_USER_HEADER } from '../consume/incoming-command.js';

const SHORT_STRING_MAX_BYTES = 255;
const DIRECT_REPLY_PSEUDO_QUEUE = 'amq.rabbitmq.reply-to';
/**
 * Never copied. `CC` and `BCC` route: the broker would deliver a copy to every queue they name. The rest are the broker's own account of an
 * earlier stay in a queue, and this program's marks, which must not outlive their meaning.
 */
const HEADERS_LEFT_BEHIND = new Set([
  ...['CC', 'BCC', 'x-delivery-count', 'x-acquired-count'],
  ...[VOUCHED_USER_HEADER, SENT_HOME_HEADER],
]);

export interface CarriedOver {
  properties: Options.Publish;
  /** What could not come along, by name. */
  dropped: string[];
}

/**
 * The properties of a message for publishing it again: as they were, but for what would route it, bind it to another user or be refused
 * on the wire. Expiration is left to the caller.
 */
export function carryOver({ properties }: ConsumeMessage, ownUser: string): CarriedOver {
  const carried: Options.Publish = { persistent: true };
  const dropped: string[] = [];
  for (const name of [
    'type',
    'messageId',
    'contentType',
    'contentEncoding',
    'correlationId',
    'replyTo',
    'appId',
  ] as const) {
    const value: unknown = properties[name];
    if (value === undefined) continue;
    if (fitsShortString(value)) carried[name] = value;
    else dropped.push(name);
  }
  // Anybody may name this pseudo-queue, but only who consumes from it may publish with it.
  if (carried.replyTo === DIRECT_REPLY_PSEUDO_QUEUE) {
    delete carried.replyTo;
    dropped.push('replyTo');
  }
  if (isInteger(properties.priority, 255)) carried.priority = properties.priority;
  if (isInteger(properties.timestamp, Number.MAX_SAFE_INTEGER)) carried.timestamp = properties.timestamp;
  const headers: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (HEADERS_LEFT_BEHIND.has(name)) continue;
    headers[name] = value;
  }
  for (const name of ['CC', 'BCC']) if (Object.hasOwn(properties.headers ?? {}, name)) dropped.push(`headers.${name}`);
  const vouched = vouchedUser(properties, ownUser);
  if (vouched !== undefined) {
    carried.userId = ownUser;
    if (vouched !== ownUser) headers[VOUCHED_USER_HEADER] = vouched;
  }
  carried.headers = headers;
  return { properties: carried, dropped };
}

function vouchedUser({ userId, headers }: ConsumeMessage['properties'], ownUser: string): string | undefined {
  if (typeof userId !== 'string') return undefined;
  const vouched: unknown = headers?.[VOUCHED_USER_HEADER];
  return userId === ownUser && typeof vouched === 'string' ? vouched : userId;
}

/** Bytes that are no UTF-8 grow when they are read as text, and may then be too long to be written again. */
export function fitsShortString(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= SHORT_STRING_MAX_BYTES;
}

function isInteger(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max;
}
