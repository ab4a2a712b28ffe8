/** The events, as CloudEvents 1.0 in structured mode. There is one data schema per `type`. */
import { z } from 'zod';
import {
  attachment,
  chatKind,
  deleteMode,
  historyVisibility,
  presence,
  role,
  userKind,
  webhookFields,
} from './commands.js';
import { chatId, commandId, messageId, tenantId, userId, webhookId } from './identifiers.js';
import { receipt } from './receipts.js';
import { metadata } from './text.js';

export const EVENT_CONTENT_TYPE = 'application/cloudevents+json';

const rfc3339 = z.string().meta({ format: 'date-time' });
const common = { tenantId, actorId: userId.meta({ description: 'User id of the actor.' }), commandId };

/** The fields that every event of a chat has. */
const ofChat = {
  tenantId,
  chatId,
  actorId: userId.meta({ description: 'User id of the actor.' }),
  commandId,
  sequence: z.int().meta({ description: 'Sequence number of the event in its chat: 1, 2, 3 … without gaps.' }),
};
const noSequence = z.null().meta({ description: 'Always null: the event has no sequence number.' });
const recipientFields = {
  recipients: z
    .array(userId)
    .nullable()
    .meta({
      description:
        'The members, without the actor, who may see the content of the event at the time of publishing: those to whom REST would show it, ' +
        "by the policy (`chat.view`), the chat's history visibility and their joining. An event about a message lists the members who may see " +
        'that message. A `member.removed` also lists the removed member. ' +
        'Null if the event has more recipients, or the chat more members, than `EVENT_RECIPIENTS_MAX`. Then page the members over REST, ' +
        'and deliver to each whose `firstVisibleSequence` is not null and not above `messageSequence` (`upTo` of a `chat.read` or `chat.delivered`; else `sequence`).',
    }),
  forActor: z
    .boolean()
    .nullable()
    .meta({
      description:
        "Whether to deliver the event to the actor's other devices too: the actor is a member who may see its content, or " +
        'has just left the chat. Null if `recipients` is null; the paged members then include the actor.',
    }),
  recipientCount: z.int().meta({
    description:
      'Number of listed recipients. If `recipients` is null: an upper bound that includes the actor and members who may not see the event.',
  }),
};
const mentionedOutsiders = z
  .array(userId)
  .optional()
  .meta({
    description:
      'Mentioned users who may not see the message at the time of publishing: they are not members of the chat, or the message is before their ' +
      'joining. Do not notify these users. Absent if there are none, if `recipients` is null, and over REST.',
  });
/** The sequence of the message that the event is about. */
const messageSequence = z.int().meta({
  description: 'Sequence number of the message. The event is for members who may see the message.',
});
/** For events about a message that is not erased. */
const hidden = z.literal(true).optional().meta({
  description: 'Only over REST: the caller may not see the message, and the event has no content.',
});
const members = z.array(z.object({ userId, role })).meta({ description: 'The new members.' });
const addedMembers = z
  .array(
    z.object({
      userId,
      role,
      mutedUntil: rfc3339.optional().meta({
        description:
          'The member may not post until this time: they left the chat while muted, and the mute has not ended. Absent otherwise.',
      }),
    }),
  )
  .meta({ description: 'The new members.' });
const chatState = {
  kind: chatKind,
  title: z.string().nullable().meta({ description: 'Title of the chat; null if it has none.' }),
  historyVisibility,
  metadata,
};
const mentions = z.array(userId).meta({ description: 'User ids of the mentioned users.' });
const body = z.string().nullable().meta({ description: 'Text of the message. Null if `erased` is true.' });
const reaction = z.object({
  ...ofChat,
  messageId,
  messageSequence,
  emoji: z.string().nullable().meta({ description: 'The emoji. Null if `erased` is true.' }),
  userId,
  erased: hidden,
  ...recipientFields,
});

export const eventData = {
  'message.created': z.object({
    ...ofChat,
    messageId,
    senderId: userId.meta({ description: 'User id of the sender.' }),
    body,
    contentType: z.string().meta({ description: 'Media type of `body`.' }),
    inReplyTo: messageId
      .nullable()
      .meta({ description: 'Id of the message to which this message replies; null if there is none.' }),
    threadRootId: messageId
      .nullable()
      .meta({ description: 'Id of the root message of the thread; null if the message is in no thread.' }),
    mentions,
    mentionedOutsiders,
    attachments: z.array(attachment).meta({ description: 'Files of the message, in display order.' }),
    metadata,
    createdAt: rfc3339.meta({ description: 'Time of the send.' }),
    erased: z.literal(true).optional().meta({ description: 'The message is deleted; its content is erased.' }),
    ...recipientFields,
  }),
  'message.edited': z.object({
    ...ofChat,
    messageId,
    messageSequence,
    revision: z.int().min(2).meta({ description: 'Revision of the text. The first text of a message is revision 1.' }),
    body,
    mentions,
    mentionedOutsiders,
    metadata,
    editedAt: rfc3339.meta({ description: 'Time of the edit.' }),
    erased: z.literal(true).optional().meta({
      description: 'The event has no text: the message is deleted, or, over REST, the caller may not see it.',
    }),
    ...recipientFields,
  }),
  'message.deleted': z.object({
    ...ofChat,
    messageId,
    messageSequence,
    mode: deleteMode,
    deletedAt: rfc3339.meta({ description: 'Time of the deletion.' }),
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
    userId: userId.meta({ description: 'User id of the reader.' }),
    upTo: z.int().meta({ description: 'The user has read everything up to this sequence.' }),
    ...recipientFields,
  }),
  'chat.delivered': z.object({
    ...ofChat,
    sequence: noSequence,
    userId: userId.meta({ description: 'User id of the member whose device has got the events.' }),
    upTo: z.int().meta({ description: 'Everything up to this sequence has reached a device of the user.' }),
    ...recipientFields,
  }),
  'member.added': z.object({ ...ofChat, members: addedMembers, ...recipientFields }),
  'member.removed': z.object({
    ...ofChat,
    userId: userId.meta({ description: 'User id of the removed member.' }),
    left: z.boolean().meta({ description: 'True if the member left; false if another user removed them.' }),
    ...recipientFields,
  }),
  'member.updated': z.object({
    ...ofChat,
    userId: userId.meta({ description: 'User id of the changed member.' }),
    role,
    mutedUntil: rfc3339.nullable().meta({ description: 'The member may not post until this time; null if not muted.' }),
    ...recipientFields,
  }),
  'user.upserted': z.object({
    ...common,
    userId: userId.meta({ description: 'User id of the profile.' }),
    displayName: z.string().meta({ description: 'Display name.' }),
    avatarUrl: z.string().nullable().meta({ description: 'URL of a picture of the user; null if there is none.' }),
    kind: userKind,
    metadata,
    presence,
    revision: z.int().meta({ description: 'Revision of the profile; the first is 1, and each change adds 1.' }),
    updatedAt: rfc3339.meta({ description: 'Time of the change.' }),
  }),
  // For programs of the operator: users do not get them.
  'webhook.upserted': z.object({
    ...common,
    webhookId,
    ...webhookFields,
    revision: z.int().meta({ description: 'Revision of the webhook; the first is 1, and each change adds 1.' }),
    updatedAt: rfc3339.meta({ description: 'Time of the change.' }),
  }),
  'webhook.deleted': z.object({
    ...common,
    webhookId,
    deletedAt: rfc3339.meta({ description: 'Time of the deletion.' }),
  }),
  'command.rejected': z.object({ ...receipt.shape, actorId: userId }),
} as const;

export type EventType = keyof typeof eventData;
export const eventTypes = Object.keys(eventData) as EventType[];
export type EventData = { [T in EventType]: z.infer<(typeof eventData)[T]> };

function describedData<T extends EventType>(type: T): (typeof eventData)[T] {
  const schema: z.ZodType = eventData[type];
  // `meta` returns a copy of the same schema.
  return schema.meta({ description: 'The data of the event.' }) as (typeof eventData)[T];
}

export function eventEnvelope<T extends EventType>(type: T) {
  return z.object({
    specversion: z.literal('1.0').meta({ description: 'Version of CloudEvents.' }),
    id: z.string().meta({
      description:
        '`<chat id>/<sequence>`, or `p<partition>/<position>` for an event without a sequence. Repeated copies of an event have the same id.',
    }),
    source: z.string().meta({ description: 'Origin of the event: `/parley/<store id>/<tenant id>`.' }),
    type: z.literal(type).meta({ description: 'Type of the event.' }),
    subject: z.string().meta({ description: 'The changed object, such as `chats/<chat id>`.' }),
    time: rfc3339.meta({ description: 'Time of the change.' }),
    datacontenttype: z.literal('application/json').meta({ description: 'Media type of `data`.' }),
    partitionkey: z.string().meta({
      description: 'Ordering key: the chat id, or the actor id without a chat. Events with the same key are in order.',
    }),
    sequence: z
      .string()
      .optional()
      .meta({ description: 'The `sequence` of `data`, as a string. Absent if that is null.' }),
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
