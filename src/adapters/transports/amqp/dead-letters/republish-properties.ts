import type { ConsumeMessage, Options } from 'amqplib';
import { FORWARDED_HEADER, VERIFIED_USER_HEADER } from '../consume/incoming-command.js';

const SHORT_STRING_MAX_BYTES = 255;
const DIRECT_REPLY_PSEUDO_QUEUE = 'amq.rabbitmq.reply-to';
/**
 * Headers that are never copied. `CC` and `BCC` route: the broker would deliver a copy to every queue that they name.
 * The others describe an earlier stay in a queue, for the broker or for this program, and are not valid any more.
 */
const HEADERS_NOT_COPIED = new Set([
  ...['CC', 'BCC', 'x-delivery-count', 'x-acquired-count'],
  ...[VERIFIED_USER_HEADER, FORWARDED_HEADER],
]);

export interface RepublishProperties {
  properties: Options.Publish;
  /** The names of the properties that could not be copied. */
  dropped: string[];
}

/**
 * The properties for publishing a message again. They stay as they were, except those that would route it, need another
 * user, or cannot be encoded. The caller handles the expiration.
 */
export function republishProperties({ properties }: ConsumeMessage, ownUser: string): RepublishProperties {
  const copied: Options.Publish = { persistent: true };
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
    if (fitsShortString(value)) copied[name] = value;
    else dropped.push(name);
  }
  // Any producer can name this pseudo-queue, but only its consumer may publish with it.
  if (copied.replyTo === DIRECT_REPLY_PSEUDO_QUEUE) {
    delete copied.replyTo;
    dropped.push('replyTo');
  }
  if (isInteger(properties.priority, 255)) copied.priority = properties.priority;
  if (isInteger(properties.timestamp, Number.MAX_SAFE_INTEGER)) copied.timestamp = properties.timestamp;
  const headers: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (HEADERS_NOT_COPIED.has(name)) continue;
    headers[name] = value;
  }
  for (const name of ['CC', 'BCC']) if (Object.hasOwn(properties.headers ?? {}, name)) dropped.push(`headers.${name}`);
  const vouched = vouchedUser(properties, ownUser);
  if (vouched !== undefined) {
    copied.userId = ownUser;
    if (vouched !== ownUser) headers[VERIFIED_USER_HEADER] = vouched;
  }
  copied.headers = headers;
  return { properties: copied, dropped };
}

function vouchedUser({ userId, headers }: ConsumeMessage['properties'], ownUser: string): string | undefined {
  if (typeof userId !== 'string') return undefined;
  const vouched: unknown = headers?.[VERIFIED_USER_HEADER];
  return userId === ownUser && typeof vouched === 'string' ? vouched : userId;
}

/** Invalid UTF-8 grows when it is read as text, and may then be too long to be encoded again. */
export function fitsShortString(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= SHORT_STRING_MAX_BYTES;
}

function isInteger(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max;
}
