/**
 * The frames that a gateway sends. Clients ignore unknown frames and fields. A frame with `n` is a push: `n` counts
 * 1, 2, 3 … on each connection, and the client acknowledges it (`ack`).
 */
import { z } from 'zod';
import {
  type CloudEvent,
  type EventData,
  type EventType,
  eventData,
  eventEnvelope,
  eventTypes,
} from '../messages/events.js';
import { chatId, commandId, tenantId, userId } from '../messages/identifiers.js';
import { receipt } from '../messages/receipts.js';
import { syncPage } from '../rest/responses.js';
import { FAILURE_CODES, type FailureCode, RESYNC_REASONS } from './protocol.js';

/** Fields of events that only delivery services need. Pushed events do not have them. */
export const DELIVERY_FIELDS = ['recipients', 'forActor', 'recipientCount', 'mentionedOutsiders'] as const;
type DeliveryField = (typeof DELIVERY_FIELDS)[number];

function isDeliveryField(name: string): boolean {
  return DELIVERY_FIELDS.some((field) => field === name);
}

/** An event as published, without the fields for delivery services. */
export type PushedEvent<T extends EventType = EventType> = {
  [K in T]: Omit<CloudEvent<K>, 'data'> & { data: Omit<EventData[K], DeliveryField> };
}[T];

const pushedEvent = z
  .union(
    eventTypes.map((type) => {
      const shape = Object.entries(eventData[type].shape).filter(([name]) => !isDeliveryField(name));
      return eventEnvelope(type).extend({ data: z.object(Object.fromEntries(shape)) });
    }),
  )
  .meta({
    description: 'The CloudEvent as published, without the fields for delivery services.',
  }) as unknown as z.ZodType<PushedEvent>;

const n = z.int().min(1).meta({ description: 'Number of the push on this connection: 1, 2, 3 …' });
const rfc3339 = z.string().meta({ format: 'date-time' });
const milliseconds = z.int().min(0);

export const presenceStatus = z.enum(['online', 'away', 'offline']);
export type PresenceStatus = z.infer<typeof presenceStatus>;

export const serverFrame = {
  hello: z
    .object({
      t: z.literal('hello'),
      connectionId: z.string(),
      userId,
      tenantId,
      heartbeatMs: milliseconds.meta({
        description:
          'If there is nothing else to send for this time, the gateway sends `beat`. A client that hears nothing for 2.5 times as long connects again.',
      }),
      maxUnacked: z.int().min(1).meta({ description: 'Maximum number of pushes that are not acknowledged.' }),
      tokenExpiresAt: rfc3339.nullable().meta({
        description: 'The connection is closed with 4401 then, unless `auth` renews it.',
      }),
      limits: z.object({
        frameMaxBytes: z.int(),
        commandsPerSecond: z.number(),
        commandBurst: z.int(),
        openMax: z.int(),
        watchMax: z.int(),
      }),
    })
    .meta({ description: 'The answer to each `auth`.' }),
  sync: z.object({ t: z.literal('sync'), page: syncPage }).meta({
    description:
      'A page exactly as `GET /v1/sync` answers. Apply it before any later frame; `next` is a token to resume from. After the page with `hasMore: false` the connection is live.',
  }),
  event: z.object({ t: z.literal('event'), n, event: pushedEvent }).meta({ description: 'Something has happened.' }),
  changed: z.object({ t: z.literal('changed'), n, chatId, lastSequence: z.int().min(0) }).meta({
    description:
      'The chat has events, up to this sequence or later, that this connection was not sent. They come after `open`, with the next `resync`, or over REST.',
  }),
  mark: z.object({ t: z.literal('mark'), n, token: z.string() }).meta({
    description: 'The client has everything up to here: a token for `since`.',
  }),
  receipt: z
    .object({ t: z.literal('receipt'), id: commandId, receipt })
    .meta({ description: 'The receipt of a command.' }),
  failed: z
    .object({
      t: z.literal('failed'),
      id: commandId,
      code: z.enum(Object.keys(FAILURE_CODES) as [FailureCode, ...FailureCode[]]),
      detail: z.string().optional(),
      retryAfterMs: milliseconds.optional(),
    })
    .meta({ description: 'A command has no receipt now. Unless it is `too_large`, send it again under the same id.' }),
  typing: z.object({ t: z.literal('typing'), chatId, userId, on: z.boolean() }).meta({
    description: 'Another user types in an open chat.',
  }),
  presence: z
    .object({ t: z.literal('presence'), userId, status: presenceStatus, lastSeenAt: rfc3339.nullable() })
    .meta({ description: 'The presence of a watched user. `lastSeenAt` is null while online or if unknown.' }),
  resync: z
    .object({
      t: z.literal('resync'),
      reason: z.enum(RESYNC_REASONS),
      scope: z.enum(['mark', 'all']).meta({
        description: '`mark`: keep what you have. `all`: drop all chats, the pages that follow begin anew.',
      }),
    })
    .meta({ description: 'Events may be missing since the last `mark`. The gateway sends `sync` pages now.' }),
  beat: z.object({ t: z.literal('beat') }).meta({ description: 'The connection is alive.' }),
  bye: z
    .object({
      t: z.literal('bye'),
      code: z.int(),
      reason: z.string().meta({ description: 'The name of the code, such as `restart`.' }),
      detail: z.string().optional(),
      retryAfterMs: milliseconds.nullable().meta({ description: 'Null if there is nothing to wait for.' }),
    })
    .meta({ description: 'The last frame before the gateway closes the connection with this code.' }),
} as const;

export type ServerFrameName = keyof typeof serverFrame;
type FrameOf<T extends ServerFrameName> = z.infer<(typeof serverFrame)[T]>;
/** A frame of the gateway: `switch (frame.t)` narrows it. */
export type ServerFrame = { [T in ServerFrameName]: FrameOf<T> }[ServerFrameName];
export type ServerFrameOf<T extends ServerFrameName> = Extract<ServerFrame, { t: T }>;
export type SyncPageFrame = ServerFrameOf<'sync'>;

/** The answer of `POST /v1/realtime/pass`. */
export const realtimePass = z.object({
  pass: z.string().meta({
    description: 'For `auth` of a WebSocket, or `?pass=` of `GET /v1/stream`. Each gateway process takes it once.',
  }),
  expiresAt: rfc3339.meta({ description: 'The pass is valid for 30 s.' }),
});
export type RealtimePass = z.infer<typeof realtimePass>;
