/** Messages as received from a queue: valid commands with an error, and everything else that a producer can send. */
import type { ConsumeMessage } from 'amqplib';
import fc from 'fast-check';
import { EXAMPLE_CHAT_ID, exampleCommands } from '../../../src/contract/examples/commands.js';
import { commandTypes } from '../../../src/contract/messages/commands.js';
import { bytesOf, hostileKey, hostileText, mutatedJson, seldom, wildBytes } from './hostile-json.js';

export interface HostileMessage {
  content: Buffer;
  routingKey: string;
  properties: { [name: string]: unknown };
}

export const REPLY_TO = 'chat.replies.fuzz';
const OTHER_IDS = ['0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d11', '00000000-0000-0000-0000-000000000000', 'mallory', ''];

/** Header values of every AMQP type, as amqplib reads them. */
export const headerValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(
    ...[null, true, false, 0, -1, 1.5, 2 ** 53, Buffer.from([0, 255]), [], {}, [1, 'two', [3], { four: 4 }], ['dead']],
    { '!': 'timestamp', value: 1_795_205_700 },
    { '!': 'decimal', value: { places: 2, digits: 314 } },
    { '!': 'no-such-type', value: 1 },
    JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
  ),
);

const headerName = fc.oneof(
  fc.constantFrom(
    ...['authorization', 'traceparent', 'tracestate', 'CC', 'BCC', 'x-delivery-count', 'x-parley-user-id', 'x-death'],
    ...['x-parley-reason', 'chat-id', '__proto__', 'x-match', 'x-parley-ring-generation'],
  ),
  hostileKey.map((key) => key.slice(0, 60).toWellFormed()),
);

/** A table with its own `__proto__`, if any; its prototype is Object.prototype. */
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 4 }).map((entries) => {
  const table: { [name: string]: unknown } = {};
  for (const [name, value] of entries)
    Object.defineProperty(table, name, { value, enumerable: true, configurable: true, writable: true });
  return table;
});

const wrongKind = fc.constantFrom<unknown>(undefined, null, 0, 1.5, Number.NaN, true, {}, [], Buffer.from('x'));
const hostileProperty = fc.oneof(hostileText, hostileText, wrongKind);
const PROPERTIES = [
  ...['type', 'messageId', 'contentType', 'contentEncoding', 'replyTo', 'correlationId', 'appId', 'userId', 'priority'],
  ...['timestamp', 'expiration', 'headers', 'deliveryMode'],
];

const wrongProperties = fc
  .array(
    fc.tuple(fc.constantFrom(...PROPERTIES), fc.oneof(hostileProperty, fc.constantFrom<unknown>(0, 9, 255, '5'))),
    {
      maxLength: 2,
    },
  )
  .map((entries) => Object.fromEntries(entries));

/** So few ids that some repeat, with the same or other content. */
const commandId = fc.nat(1_000_000).map((n) => `fuzz-${n}`);

const mutated: fc.Arbitrary<HostileMessage> = fc
  .constantFrom(...exampleCommands)
  .chain(({ type, actorId, chatId, data }) => {
    const body = { actorId, ...(chatId === null ? {} : { chatId }), data };
    return fc.record({
      content: bytesOf(mutatedJson(body)),
      routingKey: fc.oneof(
        { weight: 12, arbitrary: fc.constant(chatId ?? actorId) },
        { weight: 1, arbitrary: fc.constantFrom(...OTHER_IDS) },
      ),
      properties: fc
        .tuple(commandId, headers, seldom<{ [name: string]: unknown }>(4, {}, wrongProperties))
        .map(([messageId, table, wrong]) => ({
          ...{ type, messageId, contentType: 'application/json', replyTo: REPLY_TO, headers: table },
          ...wrong,
        })),
    });
  });

const wild: fc.Arbitrary<HostileMessage> = fc.record({
  content: wildBytes,
  routingKey: fc.oneof(
    fc.constant(EXAMPLE_CHAT_ID),
    fc.constantFrom(...OTHER_IDS),
    hostileText.map((text) => text.slice(0, 60)),
  ),
  properties: fc
    .tuple(
      fc.oneof(fc.constantFrom(...commandTypes), hostileText),
      seldom<string>(4, '', hostileText).chain((text) => (text === '' ? commandId : fc.constant(text))),
      headers,
      seldom<{ [name: string]: unknown }>(2, {}, wrongProperties),
    )
    .map(([type, messageId, table, wrong]) => ({
      ...{ type, messageId, contentType: 'application/json', replyTo: REPLY_TO, headers: table },
      ...wrong,
    })),
});

export const hostileMessage: fc.Arbitrary<HostileMessage> = fc.oneof(mutated, wild);

/** As the client library passes it. */
export function asDelivered({ content, routingKey, properties }: HostileMessage): ConsumeMessage {
  const fields = { deliveryTag: 1, redelivered: false, exchange: 'chat.commands', routingKey, consumerTag: 'c' };
  return { content, fields, properties } as unknown as ConsumeMessage;
}
