/**
 * The events: what happened, as CloudEvents 1.0 in structured mode. One data schema per `type`.
 */
import { z } from 'zod';
import { attachment, chatKind, deleteMode, historyVisibility, role, userKind } from './commands.js';
import { chatId, commandId, messageId, tenantId, userId } from './identifiers.js';
import { receipt } from './receipts.js';
import { metadata } from './text.js';

export const EVENT_CONTENT_TYPE = 'application/cloudevents+json';

const rfc3339 = z.string().meta({ format: 'date-time' });
const common = { tenantId, actorId: userId, commandId };

/** What every event of a chat says besides its own data. */
const ofChat = {
  tenantId,
  chatId,
  actorId: userId,
  commandId,
  sequence: z.int(),
};
const toWhom = {
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
/** Of the message that an event is about. */
const messageSequence = z.int().meta({
  description: "The message's own number in the chat. Who may see the message may see what the event says of it.",
});
/** Of events about a message that the store still tells of. */
const hidden = z.literal(true).optional().meta({
  description: 'Over REST: the message lies before what the caller may see, and the event is told without its content.',
});
const members = z.array(z.object({ userId, role }));
const chatState = { kind: chatKind, title: z.string().nullable(), historyVisibility, metadata };
const reaction = z.object({
  ...ofChat,
  messageId,
  messageSequence,
  emoji: z.string().nullable().meta({ description: 'Null where `erased` is true, else the emoji.' }),
  userId,
  erased: hidden,
  ...toWhom,
});

export const eventData = {
  'message.created': z.object({
    ...ofChat,
    messageId,
    senderId: userId,
    body: z.string().nullable(),
    contentType: z.string(),
    inReplyTo: messageId.nullable(),
    threadRootId: messageId.nullable(),
    mentions: z.array(userId),
    mentionedOutsiders,
    attachments: z.array(attachment),
    metadata,
    createdAt: rfc3339,
    erased: z.literal(true).optional(),
    ...toWhom,
  }),
  'message.edited': z.object({
    ...ofChat,
    messageId,
    messageSequence,
    revision: z.int().min(2),
    body: z.string().nullable(),
    mentions: z.array(userId),
    mentionedOutsiders,
    metadata,
    editedAt: rfc3339,
    erased: z.literal(true).optional().meta({
      description:
        'The text is not told: the message is deleted, or, over REST, it lies before what the caller may see.',
    }),
    ...toWhom,
  }),
  'message.deleted': z.object({
    ...ofChat,
    messageId,
    messageSequence,
    mode: deleteMode,
    deletedAt: rfc3339,
    erased: hidden,
    ...toWhom,
  }),
  'message.reacted': reaction,
  'message.unreacted': reaction,
  'chat.created': z.object({ ...ofChat, ...chatState, members, ...toWhom }),
  'chat.updated': z.object({ ...ofChat, ...chatState, ...toWhom }),
  'chat.archived': z.object({ ...ofChat, ...toWhom }),
  'chat.unarchived': z.object({ ...ofChat, ...toWhom }),
  // For the actor's own devices: `recipients` is empty.
  'chat.hidden': z.object({ ...ofChat, sequence: z.null(), ...toWhom }),
  'chat.unhidden': z.object({ ...ofChat, sequence: z.null(), ...toWhom }),
  'chat.read': z.object({ ...ofChat, sequence: z.null(), userId, upTo: z.int(), ...toWhom }),
  'member.added': z.object({ ...ofChat, members, ...toWhom }),
  'member.removed': z.object({ ...ofChat, userId, left: z.boolean(), ...toWhom }),
  'member.updated': z.object({ ...ofChat, userId, role, mutedUntil: rfc3339.nullable(), ...toWhom }),
  'user.upserted': z.object({
    ...common,
    userId,
    displayName: z.string(),
    avatarUrl: z.string().nullable(),
    kind: userKind,
    metadata,
    revision: z.int(),
    updatedAt: rfc3339,
  }),
  'command.rejected': z.object({ ...receipt.shape, actorId: userId }),
} as const;

export type EventType = keyof typeof eventData;
export const eventTypes = Object.keys(eventData) as EventType[];
export type EventData = { [T in EventType]: z.infer<(typeof eventData)[T]> };

export function eventEnvelope<T extends EventType>(type: T) {
  return z.object({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string(),
    type: z.literal(type),
    subject: z.string(),
    time: rfc3339,
    datacontenttype: z.literal('application/json'),
    partitionkey: z.string(),
    sequence: z.string().optional(),
    data: eventData[type],
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

/** One event as it stands on the wire and in REST's event pages. A union by `type`: `switch (event.type)` narrows `event.data`. */
export type CloudEvent<T extends EventType = EventType> = { [K in T]: EventOf<K> }[T];
