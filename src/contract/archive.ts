/**
 * The archive: chats as JSON Lines, one object a line, for moving in and out. `parley export` writes it, `parley import` reads it back.
 *
 * Order: the header; for each chat its `chat`, then profiles, messages, removed messages, numbered events and members, then `end`, which makes the
 * chat complete. Times are RFC 3339 UTC in milliseconds. Within version 1 fields are only added; unknown ones are ignored.
 */
import { z } from 'zod';
import { attachment, chatKind, historyVisibility, role, userKind } from './commands.js';
import { eventTypes } from './events.js';
import { chatId, commandId, messageId, tenantId, userId } from './identifiers.js';
import { isStorableText, jsonFault, metadata } from './text.js';

export const ARCHIVE_FORMAT = 'parley-archive';
export const ARCHIVE_VERSION = 1;
/** The longest line in bytes: a message of the greatest length with a hundred revisions fits. */
export const ARCHIVE_LINE_MAX_BYTES = 16 * 1024 * 1024;

const time = z.iso.datetime();
const number = z.int().min(0);
const storable = z.string().refine(isStorableText, 'must not contain U+0000 or lone surrogates');

const archiveHeader = z.object({
  kind: z.literal('header'),
  format: z.literal(ARCHIVE_FORMAT),
  version: z.literal(ARCHIVE_VERSION),
  storeId: z.uuid(),
  exportedAt: time,
});

const archivedUser = z.object({
  kind: z.literal('user'),
  tenantId,
  userId,
  displayName: storable,
  avatarUrl: storable.nullable(),
  userKind,
  metadata,
  revision: number,
  createdAt: time,
  updatedAt: time,
});

const archivedChat = z.object({
  kind: z.literal('chat'),
  chatId,
  tenantId,
  chatKind,
  title: storable.nullable(),
  metadata,
  historyVisibility,
  historySequence: number,
  createdBy: userId,
  createdAt: time,
  archivedAt: time.nullable(),
  lastSequence: number,
  lastOrdinal: number,
  memberCount: number,
  ownerCount: number,
  lastActivityAt: time,
});

const text = { mentions: z.array(userId), metadata };

const archivedMessage = z.object({
  kind: z.literal('message'),
  chatId,
  sequence: number,
  messageId,
  ordinal: number,
  senderId: userId,
  revision: number,
  body: storable.nullable(),
  contentType: storable,
  inReplyTo: messageId.nullable(),
  threadRootId: messageId.nullable(),
  ...text,
  attachments: z.array(attachment),
  createdAt: time,
  editedAt: time.nullable(),
  editedBy: userId.nullable(),
  deletedAt: time.nullable(),
  /** The earlier texts, in ascending revision. */
  revisions: z.array(z.object({ revision: number, body: storable, ...text, actorId: userId, at: time })),
  reactions: z.array(z.object({ emoji: storable, userId, at: time })),
});

const removedMessage = z.object({
  kind: z.literal('removed'),
  chatId,
  sequence: number,
  messageId,
  ordinal: number,
  senderId: userId,
  createdAt: time,
});

/** A numbered event as the log keeps it: what it says of a message's text is with the message. */
const archivedEvent = z.object({
  kind: z.literal('event'),
  chatId,
  sequence: number,
  type: z.enum(eventTypes as [string, ...string[]]),
  actorId: userId,
  commandId,
  at: time,
  payload: z
    .unknown()
    .refine((value) => jsonFault(value) === undefined, 'must be storable JSON')
    .optional(),
});

const archivedMember = z.object({
  kind: z.literal('member'),
  chatId,
  userId,
  role,
  mutedUntil: time.nullable(),
  joinedAt: time,
  joinedSequence: number,
  readSequence: number,
  readOrdinal: number,
});

const archiveEnd = z.object({ kind: z.literal('end'), chatId, lines: number });

export const archiveLine = z.discriminatedUnion('kind', [
  archiveHeader,
  archivedUser,
  archivedChat,
  archivedMessage,
  removedMessage,
  archivedEvent,
  archivedMember,
  archiveEnd,
]);

export type ArchiveLine = z.infer<typeof archiveLine>;
export type ArchiveLineOf<K extends ArchiveLine['kind']> = Extract<ArchiveLine, { kind: K }>;
