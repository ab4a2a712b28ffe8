/** The AMQP properties and headers (CONTRACT, sections 1.2 to 1.6) as JSON Schemas for the AsyncAPI document. */
import { EVENT_CONTENT_TYPE } from '../messages/events.js';
import { commandId } from '../messages/identifiers.js';
import { LIVE_CONTENT_TYPE, LIVE_HEADERS } from '../messages/live-messages.js';
import { RECEIPT_TYPE } from '../messages/receipts.js';
import { names } from '../messages/topology.js';
import { jsonSchemaOf } from './json-schema.js';

type Json = { [key: string]: unknown };

const SHORT_STRING = { type: 'string', maxLength: 255 };
const PERSISTENT = { const: 2, description: 'Persistent.' };

const TRACE_HEADERS = {
  traceparent: { type: 'string', description: 'W3C trace context of the producer; copied to the event.' },
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
        '`Bearer <JWT>`, which authenticates the actor if `COMMAND_AUTH=jwt`. By default `sub` is the actor id and `tenant` the tenant id.',
    },
  },
};

export function commandProperties(type: string, namespace: string): Json {
  return {
    type: 'object',
    required: ['type', 'message_id', 'content_type'],
    properties: {
      type: { const: type, description: 'The command type.' },
      message_id: jsonSchemaOf(commandId),
      content_type: { type: 'string', pattern: '^application/json', description: '`application/json`, in UTF-8.' },
      reply_to: {
        ...SHORT_STRING,
        description: `Address of the receipt: \`amq.rabbitmq.reply-to\` (RabbitMQ's direct reply-to), or a queue named \`${names.replies(namespace)}*\`. Any other value is ignored.`,
      },
      correlation_id: { ...SHORT_STRING, description: 'Copied to the receipt. Default: the command id.' },
      app_id: { ...SHORT_STRING, description: 'Name of the producer. Not verified.' },
      user_id: { ...SHORT_STRING, description: 'RabbitMQ user of the producer. The broker verifies it.' },
      expiration: {
        type: 'string',
        pattern: '^[0-9]+$',
        description: 'Time to live in milliseconds. An expired command is dead-lettered and gets no receipt.',
      },
      priority: { const: 0, description: 'Absent or 0, because other priorities change the order within a chat.' },
      delivery_mode: PERSISTENT,
    },
  };
}

export const receiptProperties: Json = {
  type: 'object',
  required: ['type', 'content_type', 'correlation_id'],
  properties: {
    type: { const: RECEIPT_TYPE, description: 'Constant.' },
    content_type: { const: 'application/json', description: 'JSON in UTF-8.' },
    correlation_id: {
      ...SHORT_STRING,
      description: 'The `correlation_id` of the command, or the command id if it had none.',
    },
  },
};

export const eventHeaders: Json = {
  type: 'object',
  required: ['chat-id'],
  properties: {
    'chat-id': {
      type: 'string',
      description: 'Chat id, or the actor id for an event without a chat. Usable as a hash key.',
    },
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

export const liveHeaders: Json = {
  type: 'object',
  required: [LIVE_HEADERS.partition, LIVE_HEADERS.position],
  properties: {
    [LIVE_HEADERS.partition]: { type: 'integer', minimum: 0, description: 'The partition of the events.' },
    [LIVE_HEADERS.position]: {
      type: 'integer',
      minimum: 1,
      description: 'Position of the first event in the log of the partition. Each further event has the next position.',
    },
  },
};

export const liveProperties: Json = {
  type: 'object',
  required: ['content_type'],
  properties: { content_type: { const: LIVE_CONTENT_TYPE, description: 'One CloudEvent per line.' } },
};

export const deadLetterHeaders: Json = {
  type: 'object',
  description:
    "The headers of the command, and the headers below. A command that the broker dead-lettered has RabbitMQ's `x-death` instead.",
  properties: {
    'x-parley-reason': {
      type: 'string',
      enum: ['malformed', 'misrouted', 'poison'],
      description:
        '`malformed`: no actor id or command id, or not JSON; `misrouted`: its chat belongs to another partition, and it arrived at a wrong partition twice or that partition does not exist; `poison`: it failed alone `MAX_COMMAND_ATTEMPTS` times.',
    },
    'x-parley-detail': { type: 'string', description: 'Details of the reason, for people.' },
    'x-parley-at': { type: 'string', format: 'date-time', description: 'Time of the dead-lettering.' },
    'x-parley-worker': { type: 'string', description: 'Id of the worker that dead-lettered it.' },
    'x-parley-routing-key': { type: 'string', description: 'Routing key of the command.' },
    'x-parley-expiration': {
      type: 'string',
      description: 'The `expiration` of the command. The dead letter itself does not expire.',
    },
    'x-parley-dropped': {
      type: 'string',
      description: 'Names of the properties and headers that could not be published again.',
    },
    'x-parley-user-id': {
      type: 'string',
      description:
        'The `user_id` of the command. The worker cannot publish it as `user_id`, because RabbitMQ accepts only its own user.',
    },
    'x-parley-publish': { type: 'string', description: 'Internal number of the worker for its publisher confirms.' },
    'x-parley-forwarded': {
      type: 'string',
      description:
        'Only beside `x-death`: the worker forwarded the command to its partition before. The value is its original routing key.',
    },
    'x-death': {
      type: 'array',
      items: { type: 'object' },
      description: 'Set by RabbitMQ if the command expired or was rejected.',
    },
  },
};

export const deadLetterProperties: Json = {
  type: 'object',
  description: 'The properties of the command, without `expiration`.',
};
