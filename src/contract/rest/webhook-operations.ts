/** Operations on webhooks, and on the API keys of bots. */
import { z } from 'zod';
import { webhookFields, webhookUpsertFields } from '../messages/commands.js';
import { eventData } from '../messages/events.js';
import { chatId, keyId, userId, webhookId } from '../messages/identifiers.js';
import { name, time } from '../messages/text.js';
import { changes, creates, type RestOperation } from './operation.js';
import { pageQuery } from './requests.js';
import { cursorPage } from './responses.js';

const rfc3339 = z.string().meta({ format: 'date-time', example: '2026-11-20T20:15:00.123Z' });
const count = z.int().min(0);

/** The overlap of two secrets, in seconds. */
export const SECRET_OVERLAP_DEFAULT_SECONDS = 24 * 3600;
const SECRET_OVERLAP_MAX_SECONDS = 7 * 24 * 3600;
/** Maximum number of API keys of one user. */
export const KEYS_PER_USER_MAX = 20;
const KEY_LABEL_MAX_CHARACTERS = 64;

export const keyScope = z.enum(['read', 'write', 'realtime', 'admin']).meta({
  description:
    '`read`: queries; `write`: commands; `realtime`: connections to the gateway; `admin`: secrets, pauses and replays of webhooks, and API keys. What the policy refuses stays refused.',
});

export const webhookEndpointState = z.enum(['active', 'failing', 'paused', 'gone', 'disabled', 'no-secret']).meta({
  description:
    '`active`: events are sent; `failing`: the last attempts failed, and the endpoint is tried again at `notBefore`; `paused`: by an operator; `gone`: the endpoint answered 410; `disabled`: `isEnabled` is false; `no-secret`: make one, nothing is sent without.',
});

export const restWebhook = z.object({
  webhookId,
  ...webhookFields,
  revision: eventData['webhook.upserted'].shape.revision,
  createdAt: rfc3339,
  updatedAt: rfc3339,
  state: webhookEndpointState,
  secrets: count.meta({ description: 'Number of secrets with which deliveries are signed now.' }),
  waiting: count.meta({ description: 'Number of events that wait, counted up to 10,000.' }),
  oldestWaitingAt: rfc3339.nullable().meta({ description: 'When the oldest of them was committed.' }),
  hasBacklog: z.boolean().meta({ description: 'True: further events wait in the log, because too many wait.' }),
  parked: count.meta({ description: 'Number of parked events, counted up to 10,000.' }),
  failures: count.meta({ description: 'Failed attempts since the last answer 2xx.' }),
  lastCode: z.string().nullable().meta({ description: 'How the last failed attempt ended.', example: 'status-503' }),
  failingSince: rfc3339.nullable(),
  notBefore: rfc3339.nullable().meta({ description: 'Nothing is sent before this time. Null: now.' }),
  succeededAt: rfc3339.nullable().meta({ description: 'About when the endpoint last answered 2xx.' }),
});
export type RestWebhook = z.infer<typeof restWebhook>;

export const restDelivery = z.object({
  eventId: z.string().meta({ description: 'The `webhook-id` of the delivery, which is the id of the event.' }),
  state: z.enum(['waiting', 'parked']),
  lane: z.string().meta({ description: 'What is delivered in order: the chat id, or the actor id without a chat.' }),
  code: z
    .string()
    .nullable()
    .meta({ description: 'How the last attempt ended. Null before it.', example: 'status-422' }),
  attempts: count.meta({ description: 'Number of failed attempts.' }),
  nextAt: rfc3339.nullable().meta({
    description: 'When the next attempt is due. Null for a parked event, and for one that waits behind another one.',
  }),
  parkedAt: rfc3339.nullable(),
});
export type RestDelivery = z.infer<typeof restDelivery>;

export const putWebhookBody = webhookUpsertFields.omit({ webhookId: true });

export const newSecretBody = z.strictObject({
  overlapSeconds: z
    .int()
    .min(0)
    .max(SECRET_OVERLAP_MAX_SECONDS)
    .optional()
    .meta({
      description: `How long the present secrets stay valid. Default: ${SECRET_OVERLAP_DEFAULT_SECONDS}.`,
    }),
});
export const restSecret = z.object({
  secret: z
    .string()
    .meta({ description: 'Returned only here. Keep it.', example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }),
  overlapSeconds: count,
});

export const replayBody = z
  .strictObject({
    parked: z.literal(true).optional().meta({ description: 'Deliver all parked events again.' }),
    chatId: chatId.optional(),
    fromSequence: z.int().min(1).optional().meta({
      description: 'Deliver the events of the chat from this sequence on, whether they were delivered before or not.',
    }),
  })
  .refine(
    ({ parked, chatId: chat, fromSequence }) =>
      parked === true
        ? chat === undefined && fromSequence === undefined
        : chat !== undefined && fromSequence !== undefined,
    { path: ['fromSequence'], message: 'is required with chatId; or give only parked' },
  );
export const restReplay = z.object({
  events: count.meta({ description: 'Number of events that are due now.' }),
  nextSequence: z.int().nullable().meta({ description: 'The `fromSequence` of a further replay. Null: that was all.' }),
});

export const listDeliveriesQuery = pageQuery.extend({
  state: z.enum(['waiting', 'parked']).default('parked').meta({ description: 'Which events are listed.' }),
});

export const newKeyBody = z.strictObject({
  label: name(1, KEY_LABEL_MAX_CHARACTERS).meta({ description: 'What the key is for.' }),
  scopes: z.array(keyScope).min(1).max(4),
  expiresAt: time.optional().meta({ description: 'When the key ends. Default: never.' }),
});
const keyFields = {
  keyId,
  userId,
  label: z.string(),
  scopes: z.array(keyScope),
  createdBy: userId,
  createdAt: rfc3339,
  expiresAt: rfc3339.nullable(),
};
export const restKey = z.object(keyFields);
export type RestKey = z.infer<typeof restKey>;
export const restNewKey = z.object({
  ...keyFields,
  key: z.string().meta({ description: 'The bearer token. Returned only here.' }),
});

export const webhookOperations = {
  listWebhooks: {
    method: 'get',
    path: '/v1/webhooks',
    tag: 'Webhooks',
    summary: 'All webhooks of the tenant, with the state of their deliveries',
    isOptional: true,
    answers: { 200: { description: 'All of them, by id.', schema: z.object({ items: z.array(restWebhook) }) } },
  },
  putWebhook: {
    method: 'put',
    path: '/v1/webhooks/{webhookId}',
    tag: 'Webhooks',
    summary: 'Create or replace a webhook (`webhook.upsert`)',
    body: putWebhookBody,
    example: { url: 'https://bot.example/hooks/parley', eventTypes: ['message.created'] },
    answers: creates,
  },
  getWebhook: {
    method: 'get',
    path: '/v1/webhooks/{webhookId}',
    tag: 'Webhooks',
    summary: 'One webhook, with the state of its deliveries',
    isOptional: true,
    answers: { 200: { description: 'The webhook.', schema: restWebhook } },
  },
  deleteWebhook: {
    method: 'delete',
    path: '/v1/webhooks/{webhookId}',
    tag: 'Webhooks',
    summary: 'Delete a webhook, its secrets, and its waiting and parked events (`webhook.delete`)',
    answers: changes,
  },
  createWebhookSecret: {
    method: 'post',
    path: '/v1/webhooks/{webhookId}/secrets',
    tag: 'Webhooks',
    summary: 'Make a new secret. Deliveries are signed with it and, for a time, with the present ones',
    body: newSecretBody,
    example: { overlapSeconds: 3600 },
    isOptional: true,
    answers: { 201: { description: 'The secret.', schema: restSecret } },
  },
  listDeliveries: {
    method: 'get',
    path: '/v1/webhooks/{webhookId}/deliveries',
    tag: 'Webhooks',
    summary: 'Parked or waiting events of a webhook, by their place in the log',
    query: listDeliveriesQuery,
    isOptional: true,
    answers: { 200: { description: 'A page of events.', schema: cursorPage(restDelivery) } },
  },
  replayWebhook: {
    method: 'post',
    path: '/v1/webhooks/{webhookId}/replay',
    tag: 'Webhooks',
    summary: 'Deliver parked events, or the events of a chat from a sequence on, again',
    body: replayBody,
    example: { parked: true },
    isOptional: true,
    answers: { 200: { description: 'How many events are due.', schema: restReplay } },
  },
  pauseWebhook: {
    method: 'post',
    path: '/v1/webhooks/{webhookId}/pause',
    tag: 'Webhooks',
    summary: 'Send nothing to the endpoint until it is resumed. Events wait',
    isOptional: true,
    answers: { 200: { description: 'The webhook.', schema: restWebhook } },
  },
  resumeWebhook: {
    method: 'post',
    path: '/v1/webhooks/{webhookId}/resume',
    tag: 'Webhooks',
    summary: 'Send to the endpoint again, at once, also after it was down or answered 410',
    isOptional: true,
    answers: { 200: { description: 'The webhook.', schema: restWebhook } },
  },
  createKey: {
    method: 'post',
    path: '/v1/users/{userId}/keys',
    tag: 'API keys',
    summary: 'Make an API key for a user, by default only for a bot. It is a bearer token for REST and the gateway',
    body: newKeyBody,
    example: { label: 'answering bot', scopes: ['read', 'write'] },
    answers: { 201: { description: 'The key.', schema: restNewKey } },
  },
  listKeys: {
    method: 'get',
    path: '/v1/users/{userId}/keys',
    tag: 'API keys',
    summary: 'The API keys of a user, without the keys themselves',
    answers: { 200: { description: 'All of them, oldest first.', schema: z.object({ items: z.array(restKey) }) } },
  },
  deleteKey: {
    method: 'delete',
    path: '/v1/users/{userId}/keys/{keyId}',
    tag: 'API keys',
    summary: 'Revoke an API key, within about a second everywhere',
    answers: { 200: { description: 'The revoked key.', schema: restKey } },
  },
} as const satisfies Record<string, RestOperation>;
