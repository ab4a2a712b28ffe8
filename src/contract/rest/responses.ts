/**
 * Responses of REST: chats, members, messages, profiles, and pages of them. `requests.ts` has the requests, and each
 * entry in `operations.ts` combines both.
 */
import { z } from 'zod';
import { chatKind, commandTypes, historyVisibility, presence, role, userKind } from '../messages/commands.js';
import { eventData, eventEnvelope } from '../messages/events.js';
import { chatId, commandId, decisionId, tenantId, userId } from '../messages/identifiers.js';
import { refusalCode } from '../messages/problems.js';
import { metadata } from '../messages/text.js';

const rfc3339 = z.string().meta({ format: 'date-time', example: '2026-11-20T20:15:00.123Z' });
const count = z.int().min(0);

/** Maximum number of reactions listed with a message. `reactionKinds` has the total. */
export const REACTIONS_SHOWN_MAX = 20;

export const restReaction = z.object({
  emoji: z.string(),
  count: z.int().min(1).meta({ description: 'Number of users who reacted with this emoji.' }),
  mine: z.boolean().meta({ description: 'Whether the caller reacted with this emoji.' }),
});

const RECIPIENT_FIELDS = { recipients: true, forActor: true, recipientCount: true } as const;
const OUTSIDER_FIELDS = { mentionedOutsiders: true } as const;

/** A message as in the data of `message.created`, without the recipients and with its current state. */
export const restMessage = eventData['message.created'].omit({ ...RECIPIENT_FIELDS, ...OUTSIDER_FIELDS }).extend({
  revision: z.int().min(1),
  editedAt: rfc3339.nullable(),
  deletedAt: rfc3339.nullable(),
  reactions: z
    .array(restReaction)
    .max(REACTIONS_SHOWN_MAX)
    .meta({ description: `The most frequent first, then by emoji; at most ${REACTIONS_SHOWN_MAX}.` }),
  reactionKinds: count.meta({ description: 'Number of different emoji with which users reacted.' }),
});
export type RestMessage = z.infer<typeof restMessage>;

/** An earlier text of a message. */
export const restRevision = z.object({
  revision: z.int().min(1),
  body: z.string(),
  mentions: z.array(userId),
  metadata,
  actorId: userId.meta({ description: 'User id of the author of this text.' }),
  at: rfc3339.meta({ description: 'Time at which this text was written.' }),
});
export type RestRevision = z.infer<typeof restRevision>;

/** A page of a thread, by sequence like the history, with totals of the whole thread. */
export const restThread = sequencePage(restMessage).extend({
  root: restMessage,
  replyCount: count,
  lastReply: z.union([restMessage, z.null()]),
});
export type RestThread = z.infer<typeof restThread>;

/** A member who has read a message, or whom it has reached. */
export const restReader = z.object({
  userId,
  readSequence: count.meta({ description: 'The read mark: the member has read everything up to this sequence.' }),
  deliveredSequence: count.meta({
    description:
      'The delivery mark: everything up to this sequence has reached a device of the member. Never below the read mark.',
  }),
});

export type RestReader = z.infer<typeof restReader>;

/** A found message, with the matches in its text. */
export const restFoundMessage = z.object({
  message: restMessage,
  highlights: z.array(z.array(z.object({ text: z.string(), match: z.boolean() }))).meta({
    description:
      'Excerpts of the text. Each excerpt is a list of parts, and `match` marks the parts that match the query.',
  }),
});
export const searchPage = cursorPage(restFoundMessage).extend({
  indexedThrough: z.iso.datetime().nullable().meta({
    description:
      'The search knows the messages that were sent, edited or deleted until this time; the last moments may be missing. A deleted text is never found. `null`: nothing is indexed yet.',
  }),
});
export type RestFoundMessage = z.infer<typeof restFoundMessage>;

/** The unread totals of all chats of the caller. */
export const restUnread = z.object({
  unreadCount: count,
  chatCount: count.meta({ description: 'Number of chats with unread messages.' }),
});
export type RestUnread = z.infer<typeof restUnread>;

const ofChat = {
  chatId,
  kind: chatKind,
  title: z.string().nullable(),
  historyVisibility,
  metadata,
  archived: z.boolean(),
  hidden: z.boolean().meta({ description: 'Whether the caller has hidden the chat. The next message shows it again.' }),
  createdAt: rfc3339,
  memberCount: count,
  role: role.meta({ description: "The caller's role in the chat." }),
  lastSequence: count.meta({ description: "The sequence of the chat's latest event." }),
  lastActivityAt: rfc3339,
  unreadCount: count.meta({ description: "Number of messages after the caller's read mark." }),
};

export const restChatListItem = z.object({ ...ofChat, lastMessage: z.union([restMessage, z.null()]) });
export type RestChatListItem = z.infer<typeof restChatListItem>;

const memberState = z.object({
  userId,
  role,
  mutedUntil: rfc3339.nullable(),
  joinedAt: rfc3339,
});

export const restMember = memberState.extend({
  firstVisibleSequence: count.nullable().meta({
    description:
      "The first sequence of the chat that the member may see, by the chat's history visibility and the member's joining. Null if the policy " +
      'does not permit the member to view the chat. An event without `recipients` is for members whose value is not above the sequence of the ' +
      'event. A policy rule about the token of the member never permits here, and always forbids.',
  }),
});
export type RestMember = z.infer<typeof restMember>;

export const restMembership = memberState.extend({
  joinedSequence: count.meta({ description: 'The sequence of the event with which the caller joined.' }),
  readSequence: count.meta({ description: 'The read mark: the member has read everything up to this sequence.' }),
  deliveredSequence: count.meta({
    description:
      'The delivery mark: everything up to this sequence has reached a device of the member. Never below the read mark. `GET /v1/sync` does not report its changes.',
  }),
});

export const restChat = z.object({
  ...ofChat,
  tenantId,
  createdBy: userId,
  membership: restMembership.meta({ description: "The caller's membership." }),
});
export type RestChat = z.infer<typeof restChat>;
export type RestMembership = z.infer<typeof restMembership>;

export const restUser = z.object({
  tenantId,
  userId,
  displayName: z.string(),
  avatarUrl: z.string().nullable(),
  kind: userKind,
  metadata,
  presence,
  revision: z.int().min(1),
  createdAt: rfc3339,
  updatedAt: rfc3339,
});
export type RestUser = z.infer<typeof restUser>;

/** The explanation of a decision. */
export const restDecision = z.object({
  decisionId,
  at: rfc3339,
  actorId: userId.meta({ description: 'User id for which the policy decided.' }),
  commandId: commandId.nullable().meta({ description: 'Command id; null for a query.' }),
  chatId: chatId.nullable(),
  action: z
    .string()
    .meta({ description: 'The action: a command type or the name of a query.', example: 'message.send' }),
  effect: z.enum(['permit', 'deny']),
  rule: z.string().nullable().meta({ description: 'Id of the rule that decided. Null if no rule permits the action.' }),
  refusedAs: refusalCode.nullable().meta({
    description:
      'Refusal code of a command that the policy permitted and that was refused because of the state of its chat or a quota. Null otherwise.',
  }),
  policyVersion: z.string().meta({ example: 'default-1@0b7d6c0f6a11' }),
  attributesDigest: z
    .string()
    .meta({ description: 'SHA-256 of these attributes in canonical form (RFC 8785), in hexadecimal.' }),
  attributes: z.record(z.string(), z.unknown()).meta({
    description:
      'The recorded attributes on which the policy decided. Claims and the producer are shown only to callers who may view all decisions. Later releases may add attributes.',
  }),
  explanation: z.array(z.string()).meta({ description: 'The decision explained in sentences, for people.' }),
});
export type RestDecision = z.infer<typeof restDecision>;

/** An event of a chat, as dispatch consumers receive it. */
export const restEvent = z.discriminatedUnion('type', [
  eventEnvelope('message.created'),
  eventEnvelope('message.edited'),
  eventEnvelope('message.deleted'),
  eventEnvelope('message.reacted'),
  eventEnvelope('message.unreacted'),
  eventEnvelope('chat.created'),
  eventEnvelope('chat.updated'),
  eventEnvelope('chat.archived'),
  eventEnvelope('chat.unarchived'),
  eventEnvelope('member.added'),
  eventEnvelope('member.removed'),
  eventEnvelope('member.updated'),
]);

/** The changes of one of the caller's chats. */
export const restSyncItem = z.union([
  z.object({
    chatId,
    reset: z.boolean().meta({ description: 'True: discard your copy of the chat; these events begin a new one.' }),
    chat: restChat.meta({ description: 'The present state of the chat; it can be newer than the events.' }),
    events: z.array(restEvent).meta({ description: 'In ascending sequence; the next page may contain more.' }),
  }),
  z.object({
    chatId,
    left: z
      .literal(true)
      .meta({ description: 'Discard the chat: the caller is no longer a member, or may not see it.' }),
    hidden: z
      .literal(true)
      .optional()
      .meta({ description: 'The caller is a member, but the policy does not permit them to view the chat.' }),
  }),
]);

/** A page of a sync. */
export const syncPage = z.object({
  items: z.array(restSyncItem).meta({ description: 'Ordered by chat id; each chat at most once.' }),
  next: z.string().meta({ description: 'The token for the next request.' }),
  hasMore: z.boolean().meta({ description: 'True: the next page is available now.' }),
});

/**
 * The response to a command whose receipt did not come in time. The command is still in progress, and its receipt will
 * be at `Location`.
 */
export const commandPending = z.object({
  commandId,
  type: z.enum(commandTypes),
  status: z.literal('pending'),
});
export type CommandPending = z.infer<typeof commandPending>;

/** A page of a list. `nextCursor` is null on the last one. */
export function cursorPage<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** A page in ascending sequence. `hasMore`: there are more items in the requested direction. */
export function sequencePage<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), hasMore: z.boolean() });
}
