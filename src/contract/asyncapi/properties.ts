/** The AMQP properties and headers (CONTRACT, sections 1.2 to 1.6) as JSON Schemas for the AsyncAPI document. */
import { EVENT_CONTENT_TYPE } from '../messages/events.js';
import { commandId } from '../messages/identifiers.js';
import { RECEIPT_TYPE } from '../messages/receipts.js';
import { names } from '../messages/topology.js';
import { jsonSchemaOf } from './json-schema.js';

type Json = { [key: string]: unknown };

const SHORT_STRING = { type: 'string', maxLength: 255 };
const PERSISTENT = { const: 2, description: 'Persistent.' };

const TRACE_HEADERS = {
  traceparent: { type: 'string', description: 'W3C trace context, continued through store and event.' },
  tracestate: { type: 'string', description: 'See `traceparent`.' },
};

export const commandHeaders: Json = {
  type: 'object',
  properties: {
    ...TRACE_HEADERS,
    authorization: {
      type: 'string',
      pattern: '^Bearer .+$',
      description:
        '`Bearer <JWT>` proving the actor, where `COMMAND_AUTH=jwt`. Its `sub` is the actor, its `tenant` the tenant.',
    },
  },
};

export function commandProperties(type: string, namespace: string): Json {
  return {
    type: 'object',
    required: ['type', 'message_id', 'content_type'],
    properties: {
      type: { const: type, description: "The command's name." },
      message_id: jsonSchemaOf(commandId),
      content_type: { type: 'string', pattern: '^application/json', description: '`application/json`, in UTF-8.' },
      reply_to: {
        ...SHORT_STRING,
        description: `Where the receipt goes: \`amq.rabbitmq.reply-to\` (RabbitMQ's direct reply-to), or a queue named \`${names.replies(namespace)}*\`; anything else is ignored.`,
      },
      correlation_id: { ...SHORT_STRING, description: 'Copied to the receipt; the command id where absent.' },
      app_id: { ...SHORT_STRING, description: 'The producer.' },
      user_id: { ...SHORT_STRING, description: 'The producer, as RabbitMQ itself has checked it.' },
      expiration: {
        type: 'string',
        pattern: '^[0-9]+$',
        description: 'Milliseconds. An expired command is dead-lettered and gets no receipt.',
      },
      priority: { const: 0, description: 'Absent or 0: order within a chat would break.' },
      delivery_mode: PERSISTENT,
    },
  };
}

export const receiptProperties: Json = {
  type: 'object',
  required: ['type', 'content_type', 'correlation_id'],
  properties: {
    type: { const: RECEIPT_TYPE, description: 'The same for all receipts.' },
    content_type: { const: 'application/json', description: 'JSON in UTF-8.' },
    correlation_id: { ...SHORT_STRING, description: "The command's, or its id where it had none." },
  },
};

export const eventHeaders: Json = {
  type: 'object',
  required: ['chat-id'],
  properties: {
    'chat-id': { type: 'string', description: 'The chat, or the actor where there is no chat: to hash by.' },
    ...TRACE_HEADERS,
  },
};

export function eventProperties(type: string): Json {
  return {
    type: 'object',
    required: ['type', 'message_id', 'content_type', 'delivery_mode', 'timestamp'],
    properties: {
      type: { const: type, description: "The event's type." },
      message_id: { type: 'string', description: "The event's `id`." },
      content_type: { const: EVENT_CONTENT_TYPE, description: 'A CloudEvent in structured mode.' },
      delivery_mode: PERSISTENT,
      timestamp: { type: 'integer', description: "The event's `time`, in seconds." },
    },
  };
}

export const deadLetterHeaders: Json = {
  type: 'object',
  description:
    "The command's own, and these. A command that the broker itself dead-lettered has its `x-death` instead.",
  properties: {
    'x-parley-reason': {
      type: 'string',
      enum: ['malformed', 'misrouted', 'poison'],
      description:
        '`malformed`: it cannot name its actor and id, or is no JSON; `misrouted`: its chat belongs to another partition, and it came to a wrong one twice or that partition does not exist; `poison`: it failed alone, `MAX_COMMAND_ATTEMPTS` times.',
    },
    'x-parley-detail': { type: 'string', description: 'The reason in words, for people.' },
    'x-parley-at': { type: 'string', format: 'date-time', description: 'When it was put away.' },
    'x-parley-worker': { type: 'string', description: 'Who put it away.' },
    'x-parley-routing-key': { type: 'string', description: 'With what it was published.' },
    'x-parley-expiration': {
      type: 'string',
      description: 'The `expiration` that it had: a dead letter does not expire.',
    },
    'x-parley-dropped': { type: 'string', description: 'What of it could not be published again, by name.' },
    'x-parley-user-id': {
      type: 'string',
      description: "The `user_id` that it had: the broker lets nobody repeat another's.",
    },
    'x-parley-publish': { type: 'string', description: "A number of the worker's own, without meaning to others." },
    'x-parley-sent-home': {
      type: 'string',
      description: 'Beside `x-death`: it came to a wrong partition before, and this is with what it was published.',
    },
    'x-death': { type: 'array', items: { type: 'object' }, description: "RabbitMQ's own: expired, or rejected." },
  },
};

export const deadLetterProperties: Json = {
  type: 'object',
  description: "The command's own, but for `expiration`.",
};
