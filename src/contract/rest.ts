/**
 * What REST says and is asked: the representations of chats, members, messages and profiles, pages of them, and request bodies
 * and query parameters. Each operation's entry in `rest-operations.ts` puts them together.
 */
import { z } from 'zod';
import {
  chatCreateData,
  chatKind,
  commandTypes,
  historyVisibility,
  memberAddData,
  messageSendData,
  role,
  userKind,
  userUpsertData,
} from './commands.js';
import { eventData, eventEnvelope } from './events.js';
import { chatId, commandId, tenantId, userId } from './identifiers.js';
import { metadata } from './text.js';

export const PAGE_LIMIT_MAX = 200;
export const PAGE_LIMIT_DEFAULT = 50;
export const CURSOR_MAX_CHARACTERS = 1024;

const rfc3339 = z.string().meta({ format: 'date-time', example: '2026-11-20T20:15:00.123Z' });
const count = z.int().min(0);

export const restReaction = z.object({ emoji: z.string(), count: z.int().min(1) });

/** A message as in `message.created`'s data, without whom it went to, with what became of it since. */
export const restMessage = eventData['message.created'].omit({ recipients: true, recipientCount: true }).extend({
  revision: z.int().min(1),
  editedAt: rfc3339.nullable(),
  deletedAt: rfc3339.nullable(),
  reactions: z.array(restReaction),
});
export type RestMessage = z.infer<typeof restMessage>;

const ofChat = {
  chatId,
  kind: chatKind,
  title: z.string().nullable(),
  historyVisibility,
  metadata,
  archived: z.boolean(),
  createdAt: rfc3339,
  memberCount: count,
  role: role.meta({ description: "The caller's role." }),
  lastSequence: count.meta({ description: "The number of the chat's latest event." }),
  lastActivityAt: rfc3339,
  unreadCount: count.meta({ description: "Messages after the caller's read mark." }),
};

export const restChatListItem = z.object({ ...ofChat, lastMessage: z.union([restMessage, z.null()]) });
export type RestChatListItem = z.infer<typeof restChatListItem>;

export const restMember = z.object({
  userId,
  role,
  mutedUntil: rfc3339.nullable(),
  joinedAt: rfc3339,
});
export type RestMember = z.infer<typeof restMember>;

export const restMembership = restMember.extend({
  joinedSequence: count.meta({ description: 'The sequence at which the caller joined.' }),
  readSequence: count.meta({ description: 'The read mark: everything up to this sequence is read.' }),
});

export const restChat = z.object({
  ...ofChat,
  tenantId,
  createdBy: userId,
  membership: restMembership.meta({ description: "The caller's membership." }),
});
export type RestChat = z.infer<typeof restChat>;

export const restUser = z.object({
  tenantId,
  userId,
  displayName: z.string(),
  avatarUrl: z.string().nullable(),
  kind: userKind,
  metadata,
  revision: z.int().min(1),
  createdAt: rfc3339,
  updatedAt: rfc3339,
});
export type RestUser = z.infer<typeof restUser>;

/** A chat's numbered event as dispatch workers get it. */
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

/** The answer to a command whose receipt has not come in time: it is on its way, and its receipt will be at `Location`. */
export const commandPending = z.object({
  commandId,
  type: z.enum(commandTypes),
  status: z.literal('pending'),
});
export type CommandPending = z.infer<typeof commandPending>;

/** A page of a list; `nextCursor` is null on the last one. */
export function cursorPage<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** A page keyed by sequence, in ascending sequence; `hasMore`: there are further items in the direction asked for. */
export function sequencePage<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), hasMore: z.boolean() });
}

// Query parameters arrive as strings; `meta` says what they stand for.
const limit = z
  .string()
  .regex(/^[0-9]{1,3}$/, `must be a whole number from 1 to ${PAGE_LIMIT_MAX}`)
  .transform(Number)
  .refine((value) => value >= 1 && value <= PAGE_LIMIT_MAX, `must be a whole number from 1 to ${PAGE_LIMIT_MAX}`)
  .optional()
  .transform((value) => value ?? PAGE_LIMIT_DEFAULT)
  .meta({
    type: 'integer',
    minimum: 1,
    maximum: PAGE_LIMIT_MAX,
    default: PAGE_LIMIT_DEFAULT,
    description: 'At most so many items.',
  });
const cursor = z.string().min(1).max(CURSOR_MAX_CHARACTERS).optional().meta({
  description: 'The `nextCursor` of the page before. Opaque; good for the same caller and the same query only.',
});
/** Up to 15 digits, so that it is a whole number in JSON everywhere. */
function sequence(description: string) {
  return z
    .string()
    .regex(/^[0-9]{1,15}$/, 'must be a sequence number')
    .transform(Number)
    .optional()
    .meta({ type: 'integer', minimum: 0, description });
}

export const listChatsQuery = z.strictObject({
  cursor,
  limit,
  kind: chatKind.optional().meta({ description: 'Only chats of this kind.' }),
  archived: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional()
    .meta({ type: 'boolean', enum: undefined, description: 'Only archived chats, or only those that are not.' }),
});
export const listMembersQuery = z.strictObject({ cursor, limit });
export const listMessagesQuery = z
  .strictObject({
    after: sequence('Messages after this sequence, the nearest first to be given.'),
    before: sequence('Messages before this sequence, the nearest first to be given.'),
    limit,
  })
  .refine(({ after, before }) => after === undefined || before === undefined, {
    path: ['before'],
    message: 'cannot be combined with after',
  });
export const listEventsQuery = z.strictObject({
  after: sequence('Events after this sequence; from the first one where absent.'),
  limit,
});

/** `chatId` may be left out: it is computed for a direct chat and drawn for the others. */
export const createChatBody = chatCreateData.extend({ chatId: chatId.optional() });
export const sendMessageBody = messageSendData;
export const addMembersBody = memberAddData;
/** What kind of user one is, is not for the user to say. */
export const putProfileBody = userUpsertData.omit({ kind: true });
