import { type CommandType, commandBody, commandTypes } from '../../contract/commands.js';
import { EVENT_CONTENT_TYPE, type EventType, eventEnvelope, eventTypes } from '../../contract/events.js';
import { jsonSchemaOf } from '../../contract/json-schema.js';
import { RECEIPT_TYPE, receipt } from '../../contract/receipts.js';
import { names } from '../../contract/topology.js';

type Json = { [key: string]: unknown };

const TRACE_HEADERS = {
  traceparent: { type: 'string', description: 'W3C trace context, continued through store and event.' },
  tracestate: { type: 'string' },
};

const COMMAND_DESCRIPTION = `AMQP properties: \`type\` (this message's name), \`message_id\` (the command id = idempotency key), \`content_type\`
\`application/json\`; optional \`reply_to\` (direct reply-to, or a queue for replies), \`correlation_id\`. Routing key: the chat id; for
\`user.upsert\` the actor id.`;

/** The AsyncAPI 3.0 document of what goes over the broker, generated from the contract's schemas. */
export function asyncApiDocument(namespace: string): Json {
  const commands = Object.fromEntries(commandTypes.map((type) => [messageName(type), commandMessage(type)]));
  const events = Object.fromEntries(eventTypes.map((type) => [messageName(type), eventMessage(type)]));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Parley',
      version: '1.0.0',
      description:
        "Commands in, receipts back, events out. Every committed event is published at least once, a chat's in the order of its sequence.",
    },
    defaultContentType: 'application/json',
    channels: {
      commands: {
        address: names.commands(namespace),
        description: 'The one door for producers. Routing key: the chat id; for `user.upsert` the actor id.',
        messages: references(Object.keys(commands)),
        bindings: exchange(names.commands(namespace)),
      },
      receipts: {
        address: null,
        description: `Where a command's \`reply_to\` says: RabbitMQ's direct reply-to, or a queue named \`${names.replies(namespace)}*\`.`,
        messages: references(['receipt']),
      },
      events: {
        address: names.events(namespace),
        description: 'Routing key: `<event type>.<tenant>.<chat id, or actor id where there is no chat>`.',
        messages: references(Object.keys(events)),
        bindings: exchange(names.events(namespace)),
      },
      deadLetters: {
        address: names.deadLetters(namespace),
        description: 'Commands that could not be answered, body and properties untouched.',
        messages: references(['deadLetter']),
        bindings: {
          amqp: {
            is: 'queue',
            queue: { name: names.deadLetters(namespace), durable: true, exclusive: false, autoDelete: false },
            bindingVersion: '0.3.0',
          },
        },
      },
    },
    operations: {
      takeCommand: {
        action: 'receive',
        channel: { $ref: '#/channels/commands' },
        summary: 'Takes a command, and answers with its receipt once its effects are committed.',
        reply: { channel: { $ref: '#/channels/receipts' } },
      },
      publishEvent: { action: 'send', channel: { $ref: '#/channels/events' }, summary: 'Tells what happened.' },
      buryCommand: { action: 'send', channel: { $ref: '#/channels/deadLetters' }, summary: 'Puts a command away.' },
    },
    components: {
      messages: {
        ...commands,
        ...events,
        receipt: {
          name: RECEIPT_TYPE,
          title: 'The answer to one command',
          contentType: 'application/json',
          correlationId: {
            description: "AMQP's correlation_id: the command's, or its id where it had none.",
            location: '$message.payload#/commandId',
          },
          payload: jsonSchemaOf(receipt),
          bindings: { amqp: { messageType: RECEIPT_TYPE, bindingVersion: '0.3.0' } },
        },
        deadLetter: {
          name: 'dead letter',
          title: 'A command put away',
          headers: {
            type: 'object',
            properties: {
              'x-parley-reason': { type: 'string', enum: ['malformed', 'misrouted', 'poison'] },
              'x-parley-detail': { type: 'string' },
              'x-parley-at': { type: 'string', format: 'date-time' },
              'x-parley-worker': { type: 'string' },
            },
          },
          payload: { description: 'Whatever was published.' },
        },
      },
    },
  };
}

/** Keys of the document may not hold every character that names may. */
function messageName(type: CommandType | EventType): string {
  return type.replaceAll('.', '_');
}

function commandMessage(type: CommandType): Json {
  return {
    name: type,
    title: `Command ${type}`,
    description: COMMAND_DESCRIPTION,
    contentType: 'application/json',
    headers: {
      type: 'object',
      properties: {
        ...TRACE_HEADERS,
        authorization: { type: 'string', description: '`Bearer <JWT>` proving the actor, where policy asks for it.' },
      },
    },
    payload: jsonSchemaOf(commandBody[type]),
    bindings: { amqp: { messageType: type, bindingVersion: '0.3.0' } },
  };
}

function eventMessage(type: EventType): Json {
  return {
    name: type,
    title: `Event ${type}`,
    contentType: EVENT_CONTENT_TYPE,
    headers: {
      type: 'object',
      properties: { ...TRACE_HEADERS, 'chat-id': { type: 'string', description: 'To hash by.' } },
    },
    payload: jsonSchemaOf(eventEnvelope(type)),
    bindings: { amqp: { messageType: type, bindingVersion: '0.3.0' } },
  };
}

function references(messages: string[]): Json {
  return Object.fromEntries(messages.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}

function exchange(name: string): Json {
  return {
    amqp: {
      is: 'routingKey',
      exchange: { name, type: 'topic', durable: true, autoDelete: false },
      bindingVersion: '0.3.0',
    },
  };
}
