/**
 * The archive: chats as JSON Lines, one object per line, for export and import. `parley export` writes it, and `parley
 * import` reads it. docs/import-export.md shows an example.
 *
 * Order: the header, then one chat after another. Within a chat: its `chat`; its log, event by event, each
 * `message.created` followed by its `message` or by its stub (`removed`); its `member`s; its `end`, which completes it.
 * A `revision` or `reaction` comes anywhere after its message, a `user` anywhere. Times are RFC 3339 UTC with
 * milliseconds. Within version 1 fields are only added, and readers ignore unknown ones.
 */
import { z } from 'zod';
import {
  attachment,
  chatKind,
  deleteMode,
  historyVisibility,
  MESSAGE_BODY_MAX_CHARACTERS,
  presence,
  role,
  userKind,
} from '../messages/commands.js';
import { chatId, commandId, messageId, tenantId, userId } from '../messages/identifiers.js';
import { EMOJI_MAX_LENGTH, httpsUrl, metadata, text } from '../messages/text.js';

export const ARCHIVE_FORMAT = 'parley-archive';
export const ARCHIVE_VERSION = 1;
/**
 * Maximum line length. A message with the maximum of everything that a command allows, each character escaped, is
 * shorter.
 */
export const ARCHIVE_LINE_MAX_BYTES = 1024 * 1024;
/** Maximum nesting depth of a line: metadata of the depth that a command allows, inside a payload. */
export const ARCHIVE_LINE_MAX_DEPTH = 40;

/** The maximum of 32-bit columns in the store. */
const INT32_MAX = 2 ** 31 - 1;

const time = z.iso.datetime().refine((value) => !value.startsWith('0000'), 'must be of the years 1 to 9999');
const sequence = z.int().min(1);
const mark = z.int().min(0);
const revision = z.int().min(1).max(INT32_MAX);
const emoji = text(1, EMOJI_MAX_LENGTH);
const body = text(1, MESSAGE_BODY_MAX_CHARACTERS);
const mentions = z.array(userId).max(50);

const header = z.object({
  kind: z.literal('header'),
  format: z.literal(ARCHIVE_FORMAT),
  version: z.literal(ARCHIVE_VERSION),
  /** The tenant of the chats and users. */
  tenantId,
  /** The store that was exported. */
  storeId: z.uuid(),
  exportedAt: time,
});

const user = z.object({
  kind: z.literal('user'),
  userId,
  displayName: text(1, 128),
  avatarUrl: httpsUrl.nullable(),
  userKind,
  metadata,
  /** Absent if shared. */
  presence: presence.optional(),
  revision,
  createdAt: time,
  updatedAt: time,
});

const chat = z.object({
  kind: z.literal('chat'),
  chatId,
  chatKind,
  title: text(1, 256).nullable(),
  metadata,
  historyVisibility,
  /** The sequence of the event that last changed `historyVisibility`. 0 if there is none. */
  historySequence: mark,
  createdBy: userId,
  createdAt: time,
  archivedAt: time.nullable(),
  /** The sequence of the latest event. */
  lastSequence: sequence,
  lastActivityAt: time,
});

const message = z.object({
  kind: z.literal('message'),
  chatId,
  sequence,
  messageId,
  ordinal: sequence,
  senderId: userId,
  revision,
  /** Null if and only if `deletedAt` is set. */
  body: body.nullable(),
  contentType: text(1, 255),
  inReplyTo: messageId.nullable(),
  threadRootId: messageId.nullable(),
  mentions,
  attachments: z.array(attachment.strip()).max(10),
  metadata,
  createdAt: time,
  editedAt: time.nullable(),
  editedBy: userId.nullable(),
  deletedAt: time.nullable(),
});

/** The stub of a message that was deleted hard. */
const removed = z.object({
  kind: z.literal('removed'),
  chatId,
  sequence,
  messageId,
  ordinal: sequence,
  senderId: userId,
  createdAt: time,
});

/** An earlier text of the message at `sequence`. */
const revisionLine = z.object({
  kind: z.literal('revision'),
  chatId,
  sequence,
  revision,
  body,
  mentions,
  metadata,
  actorId: userId,
  at: time,
});

/** A reaction to the message at `sequence`. */
const reaction = z.object({ kind: z.literal('reaction'), chatId, sequence, emoji, userId, at: time });

/** An event of the chat as in the log. The message line has the text. */
function event<T extends string, P extends z.ZodType>(type: T, payload: P) {
  return z.object({
    kind: z.literal('event'),
    chatId,
    sequence,
    type: z.literal(type),
    actorId: userId,
    commandId,
    at: time,
    payload,
  });
}

const chatState = {
  kind: chatKind,
  title: text(1, 256).nullable(),
  /** Absent in events of the first release. */
  historyVisibility: historyVisibility.optional(),
  metadata,
};
const members = z.array(z.object({ userId, role })).max(101);
const addedMembers = z.array(z.object({ userId, role, mutedUntil: time.optional() })).max(101);
const nothing = z.object({});
const reacted = z.object({ messageId, messageSequence: sequence, emoji, userId });

const logged = z.discriminatedUnion('type', [
  event('message.created', z.null().optional()),
  event('message.edited', z.object({ messageId, messageSequence: sequence, revision })),
  event('message.deleted', z.object({ messageId, messageSequence: sequence, mode: deleteMode })),
  event('message.reacted', reacted),
  event('message.unreacted', reacted),
  event('chat.created', z.object({ ...chatState, members })),
  event('chat.updated', z.object(chatState)),
  event('chat.archived', nothing),
  event('chat.unarchived', nothing),
  event('member.added', z.object({ members: addedMembers })),
  event('member.removed', z.object({ userId, left: z.boolean() })),
  event('member.updated', z.object({ userId, role, mutedUntil: time.nullable() })),
]);

const member = z.object({
  kind: z.literal('member'),
  chatId,
  userId,
  role,
  mutedUntil: time.nullable(),
  joinedAt: time,
  joinedSequence: mark,
  readSequence: mark,
  readOrdinal: mark,
  /** The delivery mark. Absent or 0 if there is none. */
  deliveredSequence: mark.optional(),
  /** The member has hidden the chat up to this message. Null or absent if not hidden. */
  hiddenOrdinal: mark.nullable().optional(),
});

/** `lines` is the number of lines between the chat's `chat` and this one. */
const end = z.object({ kind: z.literal('end'), chatId, lines: mark });

export const archiveLine = z.discriminatedUnion('kind', [
  header,
  user,
  chat,
  logged,
  message,
  removed,
  revisionLine,
  reaction,
  member,
  end,
]);

export type ArchiveLine = z.infer<typeof archiveLine>;
export type ArchiveLineOf<K extends ArchiveLine['kind']> = Extract<ArchiveLine, { kind: K }>;
