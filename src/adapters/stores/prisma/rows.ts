/**
 * Converts rows to domain objects. Times are read as milliseconds since 1970, and JSON as the stored text, so neither
 * the session's time zone nor the driver's conversions matter. 64-bit numbers are read as doubles: exact up to 2^53.
 */
import type { ChatView } from '../../../application/ports/queries/chat-queries.js';
import type { Chat, ChatKind, HistoryVisibility, Member, Metadata, Role } from '../../../domain/chat.js';
import { type Attachment, DEFAULT_CONTENT_TYPE, type Message } from '../../../domain/message.js';
import type { Claims, Presence, Profile, User, UserKind } from '../../../domain/user.js';
import { Prisma } from './generated/client.js';

export const milliseconds = (column: string, name: string) =>
  `(extract(epoch FROM ${column}) * 1000)::float8 AS "${name}"`;

export interface ChatRow {
  chatId: string;
  tenantId: string;
  partition: number | null;
  kind: ChatKind;
  title: string | null;
  chatMetadata: string;
  createdBy: string;
  createdAt: number;
  archivedAt: number | null;
  archiveSequence: number;
  lastSequence: number;
  lastOrdinal: number;
  memberCount: number;
  ownerCount: number;
  lastActivityAt: number;
  historyVisibility: HistoryVisibility;
  historySequence: number;
  lastPosition: number;
}

/** Columns of `chats c`. */
export const CHAT_COLUMNS =
  Prisma.raw(`c.chat_id::text AS "chatId", c.tenant_id AS "tenantId", c.partition, c.kind, c.title,
  c.metadata::text AS "chatMetadata", c.created_by AS "createdBy", ${milliseconds('c.created_at', 'createdAt')},
  ${milliseconds('c.archived_at', 'archivedAt')}, c.archive_sequence::float8 AS "archiveSequence", c.last_sequence::float8 AS "lastSequence",
  c.last_ordinal::float8 AS "lastOrdinal", c.member_count AS "memberCount", c.owner_count AS "ownerCount",
  ${milliseconds('c.last_activity_at', 'lastActivityAt')}, c.history_visibility AS "historyVisibility",
  c.history_sequence::float8 AS "historySequence", c.last_position::float8 AS "lastPosition"`);

export function toChat(row: ChatRow): Chat {
  return {
    chatId: row.chatId,
    tenantId: row.tenantId,
    partition: row.partition,
    kind: row.kind,
    title: row.title,
    metadata: JSON.parse(row.chatMetadata) as Metadata,
    createdBy: row.createdBy,
    createdAt: new Date(row.createdAt),
    archivedAt: toDate(row.archivedAt),
    archiveSequence: row.archiveSequence,
    lastSequence: row.lastSequence,
    lastOrdinal: row.lastOrdinal,
    memberCount: row.memberCount,
    ownerCount: row.ownerCount,
    lastActivityAt: new Date(row.lastActivityAt),
    historyVisibility: row.historyVisibility,
    historySequence: row.historySequence,
    lastPosition: row.lastPosition,
  };
}

export interface MemberRow {
  chatId: string;
  userId: string;
  tenantId: string;
  role: Role;
  mutedUntil: number | null;
  joinedAt: number;
  joinedSequence: number;
  roleSequence: number;
  readSequence: number;
  readOrdinal: number;
  deliveredSequence: number;
  readPosition: number;
  hiddenOrdinal: number | null;
}

/** Columns of `members m`. */
export const MEMBER_COLUMNS =
  Prisma.raw(`m.chat_id::text AS "chatId", m.user_id AS "userId", m.tenant_id AS "tenantId", m.role,
  ${milliseconds('m.muted_until', 'mutedUntil')}, ${milliseconds('m.joined_at', 'joinedAt')},
  m.joined_sequence::float8 AS "joinedSequence", m.role_sequence::float8 AS "roleSequence", m.read_sequence::float8 AS "readSequence",
  m.read_ordinal::float8 AS "readOrdinal", m.delivered_sequence::float8 AS "deliveredSequence",
  m.read_position::float8 AS "readPosition", m.hidden_ordinal::float8 AS "hiddenOrdinal"`);

export function toMember(row: MemberRow): Member {
  return {
    chatId: row.chatId,
    userId: row.userId,
    tenantId: row.tenantId,
    role: row.role,
    mutedUntil: toDate(row.mutedUntil),
    joinedAt: new Date(row.joinedAt),
    joinedSequence: row.joinedSequence,
    roleSequence: row.roleSequence,
    readSequence: row.readSequence,
    readOrdinal: row.readOrdinal,
    deliveredSequence: row.deliveredSequence,
    readPosition: row.readPosition,
    hiddenOrdinal: row.hiddenOrdinal,
  };
}

export interface ProfileRow {
  tenantId: string;
  userId: string;
  displayName: string;
  avatarUrl: string | null;
  kind: UserKind;
  metadata: string;
  presence: Presence;
  revision: number;
  createdAt: number;
  updatedAt: number;
}

export interface UserRow extends ProfileRow {
  claims: string;
}

/** Columns of `users u`. */
export const PROFILE_COLUMNS =
  Prisma.raw(`u.tenant_id AS "tenantId", u.user_id AS "userId", u.display_name AS "displayName",
  u.avatar_url AS "avatarUrl", u.kind, u.metadata::text AS metadata, u.presence, u.revision,
  ${milliseconds('u.created_at', 'createdAt')}, ${milliseconds('u.updated_at', 'updatedAt')}`);

export const USER_COLUMNS = Prisma.sql`${PROFILE_COLUMNS}, u.claims::text AS claims`;

export function toUser(row: UserRow): User {
  const { revision, createdAt, updatedAt, ...profile } = toProfile(row);
  return { ...profile, claims: JSON.parse(row.claims) as Claims, revision, createdAt, updatedAt };
}

export function toProfile(row: ProfileRow): Profile {
  return {
    tenantId: row.tenantId,
    userId: row.userId,
    displayName: row.displayName,
    avatarUrl: row.avatarUrl,
    kind: row.kind,
    metadata: JSON.parse(row.metadata) as Metadata,
    presence: row.presence,
    revision: row.revision,
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
  };
}

export interface MessageRow {
  chatId: string;
  sequence: number;
  tenantId: string;
  messageId: string;
  ordinal: number;
  senderId: string;
  revision: number;
  body: string | null;
  contentType: string;
  inReplyTo: string | null;
  threadRootId: string | null;
  mentions: string | null;
  attachments: string | null;
  metadata: string | null;
  createdAt: number;
  editedAt: number | null;
  editedBy: string | null;
  deletedAt: number | null;
}

/** Columns of `messages g` that an event's row does not have: without chat, sequence and tenant. */
export const MESSAGE_CONTENT_COLUMNS =
  Prisma.raw(`g.message_id::text AS "messageId", g.ordinal::float8 AS ordinal, g.sender_id AS "senderId",
  g.revision, g.body, COALESCE(g.content_type, '${DEFAULT_CONTENT_TYPE}') AS "contentType", g.in_reply_to::text AS "inReplyTo",
  g.thread_root_id::text AS "threadRootId", g.mentions::text AS mentions, g.attachments::text AS attachments,
  g.metadata::text AS metadata, ${milliseconds('g.created_at', 'createdAt')}, ${milliseconds('g.edited_at', 'editedAt')},
  g.edited_by AS "editedBy", ${milliseconds('g.deleted_at', 'deletedAt')}`);

/** Columns of `messages g`. */
export const MESSAGE_COLUMNS = Prisma.sql`g.chat_id::text AS "chatId", g.sequence::float8 AS sequence,
  g.tenant_id AS "tenantId", ${MESSAGE_CONTENT_COLUMNS}`;

export function toMessage(row: MessageRow): Message {
  return {
    chatId: row.chatId,
    sequence: row.sequence,
    messageId: row.messageId,
    tenantId: row.tenantId,
    ordinal: row.ordinal,
    senderId: row.senderId,
    revision: row.revision,
    body: row.body,
    contentType: row.contentType,
    inReplyTo: row.inReplyTo,
    threadRootId: row.threadRootId,
    mentions: row.mentions === null ? [] : (JSON.parse(row.mentions) as string[]),
    attachments: row.attachments === null ? [] : (JSON.parse(row.attachments) as Attachment[]),
    metadata: row.metadata === null ? {} : (JSON.parse(row.metadata) as Metadata),
    createdAt: new Date(row.createdAt),
    editedAt: toDate(row.editedAt),
    editedBy: row.editedBy,
    deletedAt: toDate(row.deletedAt),
  };
}

/** Columns of `chats c` and the caller's `members m`. */
export type ChatViewRow = ChatRow & MemberRow;
export const CHAT_VIEW_COLUMNS = Prisma.sql`${CHAT_COLUMNS}, ${MEMBER_COLUMNS}`;

/** A user has few of all chats, so each is looked up by key, whatever the planner assumes about a smaller store. */
export const CHATS_OF_MEMBERS = Prisma.sql`members m CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_id = m.chat_id LIMIT 1) c`;

export function toChatView(row: ChatViewRow): ChatView {
  return { chat: toChat(row), membership: toMember(row) };
}

export function toDate(value: number | null): Date | null {
  return value === null ? null : new Date(value);
}
