/** The events, as CloudEvents 1.0 in structured mode. There is one data schema per `type`. */
import { z } from 'zod';
import { attachment, chatKind, deleteMode, historyVisibility, role, userKind } from './commands.js';
import { chatId, commandId, messageId, tenantId, userId } from './identifiers.js';
import { receipt } from './receipts.js';
import { metadata } from './text.js';

export const EVENT_CONTENT_TYPE = 'application/cloudevents+json';

const rfc3339 = z.string().meta({ format: 'date-time' });
const common = { tenantId, actorId: userId.meta({ description: 'Who did it.' }), commandId };

/** The fields that every event of a chat has. */
const ofChat = {
  tenantId,
  chatId,
  actorId: userId.meta({ description: 'Who did it.' }),
  commandId,
  sequence: z.int().meta({ description: "The event's number in its chat: 1, 2, 3 … without a gap." }),
};
const noSequence = z.null().meta({ description: 'The event takes no number of the chat.' });
const recipientFields = {
  recipients: z
    .array(userId)
    .nullable()
    .meta({
      description:
        'The members other than the actor who may see what the event says, as of when it is published: those to whom REST would show it then, ' +
        "by the policy (`chat.view`), the chat's history visibility and their joining. An event about a message is for those who may see " +
        'that message. A `member.removed` is also for the member it is about. ' +
        'Null where they are too many to list (`EVENT_RECIPIENTS_MAX`), or the chat has more members than that: page the members over REST, ' +
        'and deliver to each whose `firstVisibleSequence` is not null and not above `messageSequence` (`upTo` of a `chat.read`; else `sequence`).',
    }),
  forActor: z
    .boolean()
    .nullable()
    .meta({
      description:
        'Whether the event is for the actor as well, whose other devices do not have it yet: the actor is a member who may see what it says, or ' +
        'has just left the chat. Null where `recipients` is null: the actor is among the members, if they are one.',
    }),
  recipientCount: z.int().meta({
    description:
      'How many recipients are listed. Where `recipients` is null: an upper bound, which counts the actor and members who may not see the event.',
  }),
};
const mentionedOutsiders = z
  .array(userId)
  .optional()
  .meta({
    description:
      'Those of `mentions` who may not see the message as of when it is published: who are not in the chat, or for whom it lies before their ' +
      'joining. Nobody is told of them. Left out where there is none, where `recipients` is null, and over REST.',
  });
/** The sequence of the message that the event is about. */
const messageSequence = z.int().meta({
  description: "The message's own number in the chat. Who may see the message may see what the event says of it.",
});
/** For events about a message that is not erased. */
const hidden = z.literal(true).optional().meta({
  description: 'Over REST: the message lies before what the caller may see, and the event is told without its content.',
});
const members = z.array(z.object({ userId, role })).meta({ description: 'Those who are members from then on.' });
const chatState = {
  kind: chatKind,
  title: z.string().nullable().meta({ description: 'What the chat is called; null: nothing.' }),
  historyVisibility,
  metadata,
};
const mentions = z.array(userId).meta({ description: 'Who is mentioned.' });
const body = z.string().nullable().meta({ description: 'The text; null where `erased` is true.' });
const reaction = z.object({
  ...ofChat,
  messageId,
  messageSequence,
  emoji: z.string().nullable().meta({ description: 'Null where `erased` is true, else the emoji.' }),
  userId,
  erased: hidden,
  ...recipientFields,
});

export const eventData = {
  'message.created': z.object({
    ...ofChat,
    messageId,
    senderId: userId.meta({ description: 'Who sent it.' }),
    body,
    contentType: z.string().meta({ description: "The body's media type." }),
    inReplyTo: messageId.nullable().meta({ description: 'The message that this one answers; null: none.' }),
    threadRootId: messageId
      .nullable()
      .meta({ description: 'The message whose thread this one belongs to; null: it is in none.' }),
    mentions,
    mentionedOutsiders,
    attachments: z.array(attachment).meta({ description: 'Files that go with the message, in this order.' }),
    metadata,
    createdAt: rfc3339.meta({ description: 'When it was sent.' }),
    erased: z.literal(true).optional().meta({ description: 'The message is deleted: its content is gone.' }),
    ...recipientFields,
  }),
  'message.edited': z.object({
    ...ofChat,
    messageId,
    messageSequence,
    revision: z.int().min(2).meta({ description: 'Which text of the message it is; the first one was 1.' }),
    body,
    mentions,
    mentionedOutsiders,
    metadata,
    editedAt: rfc3339.meta({ description: 'When it was edited.' }),
    erased: z.literal(true).optional().meta({
      description:
        'The text is not told: the message is deleted, or, over REST, it lies before what the caller may see.',
    }),
    ...recipientFields,
  }),
  'message.deleted': z.object({
    ...ofChat,
    messageId,
    messageSequence,
    mode: deleteMode,
    deletedAt: rfc3339.meta({ description: 'When it was deleted.' }),
    erased: hidden,
    ...recipientFields,
  }),
  'message.reacted': reaction,
  'message.unreacted': reaction,
  'chat.created': z.object({ ...ofChat, ...chatState, members, ...recipientFields }),
  'chat.updated': z.object({ ...ofChat, ...chatState, ...recipientFields }),
  'chat.archived': z.object({ ...ofChat, ...recipientFields }),
  'chat.unarchived': z.object({ ...ofChat, ...recipientFields }),
  // Only for the actor's own devices: `recipients` is empty.
  'chat.hidden': z.object({ ...ofChat, sequence: noSequence, ...recipientFields }),
  'chat.unhidden': z.object({ ...ofChat, sequence: noSequence, ...recipientFields }),
  'chat.read': z.object({
    ...ofChat,
    sequence: noSequence,
    userId: userId.meta({ description: 'Who has read.' }),
    upTo: z.int().meta({ description: "The chat's number up to which everything is read." }),
    ...recipientFields,
  }),
  'member.added': z.object({ ...ofChat, members, ...recipientFields }),
  'member.removed': z.object({
    ...ofChat,
    userId: userId.meta({ description: 'Who is a member no longer.' }),
    left: z.boolean().meta({ description: 'Whether they went by themselves.' }),
    ...recipientFields,
  }),
  'member.updated': z.object({
    ...ofChat,
    userId: userId.meta({ description: 'Whose membership has changed.' }),
    role,
    mutedUntil: rfc3339.nullable().meta({ description: 'Until when the member may not talk; null: they may.' }),
    ...recipientFields,
  }),
  'user.upserted': z.object({
    ...common,
    userId: userId.meta({ description: 'Whose profile it is.' }),
    displayName: z.string().meta({ description: 'The name that others see.' }),
    avatarUrl: z.string().nullable().meta({ description: 'A picture of the user; null: none.' }),
    kind: userKind,
    metadata,
    revision: z.int().meta({ description: 'Counts the changes of the profile, from 1.' }),
    updatedAt: rfc3339.meta({ description: 'When it was changed.' }),
  }),
  'command.rejected': z.object({ ...receipt.shape, actorId: userId }),
} as const;

export type EventType = keyof typeof eventData;
export const eventTypes = Object.keys(eventData) as EventType[];
export type EventData = { [T in EventType]: z.infer<(typeof eventData)[T]> };

function describedData<T extends EventType>(type: T): (typeof eventData)[T] {
  const schema: z.ZodType = eventData[type];
  // `meta` returns a copy of the same schema.
  return schema.meta({ description: 'What there is to say of it.' }) as (typeof eventData)[T];
}

export function eventEnvelope<T extends EventType>(type: T) {
  return z.object({
    specversion: z.literal('1.0').meta({ description: 'Of CloudEvents.' }),
    id: z.string().meta({
      description:
        '`<chat id>/<sequence>`, or `p<partition>/<position>` without a sequence. A copy of the event has the same.',
    }),
    source: z.string().meta({ description: '`/parley/<store id>/<tenant id>`.' }),
    type: z.literal(type).meta({ description: 'What happened.' }),
    subject: z.string().meta({ description: 'What it happened to, such as `chats/<chat id>`.' }),
    time: rfc3339.meta({ description: 'When it happened.' }),
    datacontenttype: z.literal('application/json').meta({ description: 'Of `data`.' }),
    partitionkey: z
      .string()
      .meta({ description: 'Events with the same key keep their order: the chat id, or the actor.' }),
    sequence: z.string().optional().meta({ description: "The event's number in its chat, as in `data`." }),
    data: describedData(type),
  });
}

interface EventOf<T extends EventType> {
  specversion: '1.0';
  id: string;
  source: string;
  type: T;
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  partitionkey: string;
  sequence?: string;
  data: EventData[T];
}

/**
 * One event as on the wire and in REST's event pages. It is a union by `type`: `switch (event.type)` narrows
 * `event.data`.
 */
export type CloudEvent<T extends EventType = EventType> = { [K in T]: EventOf<K> }[T];
