/** The messages of the AsyncAPI document, each with its schema, AMQP properties, headers and examples. */

import { EXAMPLE_REPLY_ADDRESS, exampleDeadLetter, exampleReceipts } from '../examples/answers.js';
import { type ExampleCommand, exampleCommands } from '../examples/commands.js';
import { type ExampleEvent, exampleEvents } from '../examples/events.js';
import { type CommandType, commandBody, commandTypes, isChatless } from '../messages/commands.js';
import { EVENT_CONTENT_TYPE, type EventType, eventEnvelope, eventTypes } from '../messages/events.js';
import { DEFAULT_TENANT } from '../messages/identifiers.js';
import { LIVE_CONTENT_TYPE, LIVE_HEADERS, liveRoutingKey } from '../messages/live-messages.js';
import { RECEIPT_TYPE, receipt } from '../messages/receipts.js';
import { names } from '../messages/topology.js';
import { gatewayMessageBody } from '../realtime/gateway-messages.js';
import { jsonSchemaOf } from './json-schema.js';
import {
  commandHeaders,
  commandProperties,
  deadLetterHeaders,
  deadLetterProperties,
  eventHeaders,
  eventProperties,
  liveHeaders,
  liveProperties,
  receiptProperties,
} from './properties.js';

type Json = { [key: string]: unknown };
export type Messages = Record<string, Json>;

/**
 * An example as on the wire. `routingKey` and `properties` are in the message's binding, because an example object has
 * no fields for them.
 */
interface Example {
  name: string;
  summary: string;
  routingKey: string;
  properties: Json;
  headers: Json;
  payload: unknown;
}

interface MessageParts {
  name: string;
  title: string;
  contentType?: string;
  headers: Json;
  payload: Json;
  properties: Json;
  routingKey: string;
  examples: readonly Example[];
}

function message({ properties, routingKey, examples, ...rest }: MessageParts): Json {
  return {
    ...rest,
    bindings: {
      amqp: {
        messageType: rest.name,
        'x-routing-key': routingKey,
        'x-properties': properties,
        'x-examples': Object.fromEntries(
          examples.map((example) => [example.name, { routingKey: example.routingKey, properties: example.properties }]),
        ),
        bindingVersion: '0.3.0',
      },
    },
    examples: examples.map(({ name, summary, headers, payload }) => ({ name, summary, headers, payload })),
  };
}

/**
 * A command and an event can have the same type (`chat.read`), and document keys do not allow all characters of a type.
 */
export function componentName(kind: 'command' | 'event', type: CommandType | EventType): string {
  return `${kind}_${type.replaceAll('.', '_')}`;
}

export function commandMessages(namespace: string): Messages {
  return Object.fromEntries(
    commandTypes.map((type) => [componentName('command', type), commandMessage(type, namespace)]),
  );
}

function commandMessage(type: CommandType, namespace: string): Json {
  return message({
    name: type,
    title: `Command ${type}`,
    contentType: 'application/json',
    headers: commandHeaders,
    payload: jsonSchemaOf(commandBody[type]),
    properties: commandProperties(type, namespace),
    routingKey: isChatless(type) ? '<actor id>' : '<chat id>',
    examples: exampleCommands.filter((example) => example.type === type).map(commandExample),
  });
}

function commandExample({
  name,
  summary,
  type,
  commandId,
  actorId,
  chatId,
  data,
  headers = {},
}: ExampleCommand): Example {
  return {
    name,
    summary,
    routingKey: chatId ?? actorId,
    properties: {
      type,
      message_id: commandId,
      content_type: 'application/json',
      reply_to: 'amq.rabbitmq.reply-to',
      correlation_id: commandId,
      delivery_mode: 2,
    },
    headers,
    payload: { tenantId: DEFAULT_TENANT, actorId, ...(chatId === null ? {} : { chatId }), data },
  };
}

export function eventMessages(): Messages {
  return Object.fromEntries(eventTypes.map((type) => [componentName('event', type), eventMessage(type)]));
}

function eventMessage(type: EventType): Json {
  return message({
    name: type,
    title: `Event ${type}`,
    contentType: EVENT_CONTENT_TYPE,
    headers: eventHeaders,
    payload: jsonSchemaOf(eventEnvelope(type)),
    properties: eventProperties(type),
    routingKey: `${type}.<tenant>.<chat id, or actor id without a chat>`,
    examples: exampleEvents.filter(({ event }) => event.type === type).map(eventExample),
  });
}

function eventExample({ name, summary, event }: ExampleEvent): Example {
  const { id, type, time, partitionkey } = event;
  return {
    name,
    summary,
    routingKey: `${type}.${event.data.tenantId}.${partitionkey}`,
    properties: {
      type,
      message_id: id,
      content_type: EVENT_CONTENT_TYPE,
      delivery_mode: 2,
      timestamp: Math.floor(Date.parse(time) / 1000),
    },
    headers: { 'chat-id': partitionkey },
    payload: event,
  };
}

/** Copies of events, for readers of the live feed. */
export function liveMessage(): Json {
  const [first] = exampleEvents;
  return message({
    name: 'live events',
    title: 'Copies of consecutive events of a partition',
    contentType: LIVE_CONTENT_TYPE,
    headers: liveHeaders,
    payload: {
      type: 'string',
      description: 'The bodies of the events, as in the dispatch queues, each on a line of its own.',
    },
    properties: liveProperties,
    routingKey: 'p<partition>',
    examples:
      first === undefined
        ? []
        : [
            {
              name: 'live',
              summary: 'A single event.',
              routingKey: liveRoutingKey(0),
              properties: { content_type: LIVE_CONTENT_TYPE },
              headers: { [LIVE_HEADERS.partition]: 0, [LIVE_HEADERS.position]: 1 },
              payload: `${JSON.stringify(first.event)}\n`,
            },
          ],
  });
}

const EPHEMERAL_EXAMPLES: { [K in keyof typeof gatewayMessageBody]: { title: string; payload: Json } } = {
  presence: {
    title: 'Presence of users at a gateway',
    payload: { gatewayId: 'host-1-gateway', users: [{ tenantId: DEFAULT_TENANT, userId: 'alice', status: 'online' }] },
  },
  'presence-query': { title: 'A gateway asks for the presence at all others', payload: {} },
  typing: {
    title: 'A user types, or has stopped',
    payload: { tenantId: DEFAULT_TENANT, chatId: exampleChatId(), userId: 'alice', on: true },
  },
};

/** Between gateways. The routing key is the kind. */
export function ephemeralMessages(): Messages {
  return Object.fromEntries(
    Object.entries(EPHEMERAL_EXAMPLES).map(([kind, { title, payload }]) => [
      `ephemeral_${kind.replaceAll('-', '_')}`,
      message({
        ...{ name: kind, title, contentType: 'application/json', headers: { type: 'object' } },
        payload: jsonSchemaOf(gatewayMessageBody[kind as keyof typeof gatewayMessageBody]),
        properties: { type: 'object' },
        routingKey: kind,
        examples: [{ name: kind, summary: title, routingKey: kind, properties: {}, headers: {}, payload }],
      }),
    ]),
  );
}

function exampleChatId(): string {
  return exampleCommands.find(({ chatId }) => chatId !== null)?.chatId ?? '';
}

export function receiptMessage(): Json {
  return message({
    name: RECEIPT_TYPE,
    title: 'Receipt of a command',
    contentType: 'application/json',
    headers: { type: 'object' },
    payload: jsonSchemaOf(receipt),
    properties: receiptProperties,
    routingKey: "<the command's reply_to>",
    examples: Object.entries(exampleReceipts).map(([name, { summary, receipt: payload }]) => ({
      name,
      summary,
      routingKey: EXAMPLE_REPLY_ADDRESS,
      properties: { type: RECEIPT_TYPE, content_type: 'application/json', correlation_id: payload.commandId },
      headers: {},
      payload,
    })),
  });
}

export function deadLetterMessage(namespace: string): Json {
  const { name, summary, properties, headers, payload } = exampleDeadLetter;
  return message({
    name: 'dead letter',
    title: 'Dead letter',
    headers: deadLetterHeaders,
    payload: { description: 'The body of the command, unchanged.' },
    properties: deadLetterProperties,
    routingKey: names.deadLetters(namespace),
    examples: [{ name, summary, routingKey: names.deadLetters(namespace), properties, headers, payload }],
  });
}
