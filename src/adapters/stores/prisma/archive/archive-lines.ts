/**
 * The statements that produce an archive's lines, except its first line and each chat's last. Each finds its rows by
 * key and has a limit, so no plan reads more than a page, whatever the planner assumes about the tables.
 */
import { DEFAULT_CONTENT_TYPE } from '../../../../domain/message.js';
import { Prisma } from '../generated/client.js';

/** A line, and the key after which the next page starts. */
export interface KeyedLine {
  line: string;
  key: string;
}

/** Page size for lines with texts of up to 64 KiB. */
export const EXPORT_PAGE_TEXTS = 100;
/** Page size for lines without texts. */
export const EXPORT_PAGE_ROWS = 2_000;

/** A part of a chat's log: the events from `first` to `last`, and what belongs to them. */
export interface Stretch {
  chatId: string;
  first: number;
  last: number;
}

const time = (column: string) => Prisma.raw(`to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);
const orEmpty = (column: string, empty: '[]' | '{}') => Prisma.raw(`coalesce(${column}, '${empty}'::json)`);
/** JSON that was written by hand into the database may contain line breaks outside of its strings. */
const LINE = Prisma.raw(`replace(row_to_json(t)::text, E'\\n', ' ')`);
const withinStretch = (column: string, { first, last }: Stretch) =>
  Prisma.sql`${Prisma.raw(column)} BETWEEN ${first} AND ${last}`;

/** The empty string sorts before all user ids. */
export const BEFORE_TEXTS = '';
export const BEFORE_IDS = '00000000-0000-0000-0000-000000000000';

export function chatIdsOf(tenantId: string, userId: string, after: string): Prisma.Sql {
  return Prisma.sql`
    SELECT m.chat_id::text AS line, m.chat_id::text AS key FROM members m
    WHERE m.tenant_id = ${tenantId} AND m.user_id = ${userId} AND m.chat_id > ${after}::uuid
    ORDER BY m.chat_id LIMIT ${EXPORT_PAGE_ROWS}::int8`;
}

export function chatLine(chatId: string): Prisma.Sql {
  return Prisma.sql`
    SELECT ${LINE} AS line, t."lastSequence"::text AS key FROM (
      SELECT 'chat' AS kind, c.chat_id AS "chatId", c.kind AS "chatKind", c.title, c.metadata,
        c.history_visibility AS "historyVisibility", c.history_sequence AS "historySequence", c.created_by AS "createdBy",
        ${time('c.created_at')} AS "createdAt", ${time('c.archived_at')} AS "archivedAt", c.last_sequence AS "lastSequence",
        ${time('c.last_activity_at')} AS "lastActivityAt"
      FROM chats c WHERE c.chat_id = ${chatId}::uuid) t`;
}

const USER_LINE = Prisma.sql`'user' AS kind, u.user_id AS "userId", u.display_name AS "displayName", u.avatar_url AS "avatarUrl",
  u.kind AS "userKind", u.metadata, u.presence, u.revision, ${time('u.created_at')} AS "createdAt", ${time('u.updated_at')} AS "updatedAt"`;

export function profileLine(tenantId: string, userId: string): Prisma.Sql {
  return Prisma.sql`
    SELECT ${LINE} AS line, t."userId" AS key FROM (
      SELECT ${USER_LINE} FROM users u WHERE u.tenant_id = ${tenantId} AND u.user_id = ${userId}) t`;
}

/** Profiles of current members. */
export function profileLines(chatId: string, after: string): Prisma.Sql {
  return Prisma.sql`
    SELECT ${LINE} AS line, t."userId" AS key FROM (
      SELECT ${USER_LINE} FROM members m CROSS JOIN LATERAL
        (SELECT * FROM users u WHERE u.tenant_id = m.tenant_id AND u.user_id = m.user_id OFFSET 0) u
      WHERE m.chat_id = ${chatId}::uuid AND m.user_id > ${after} ORDER BY m.user_id LIMIT ${EXPORT_PAGE_TEXTS}::int8) t`;
}

/** Events in order, each `message.created` followed by its message or by its stub. */
export function logLines(stretch: Stretch): Prisma.Sql {
  const { chatId } = stretch;
  return Prisma.sql`
    SELECT line, sequence::text AS key FROM (
      SELECT ${LINE} AS line, t.sequence, 1 AS place FROM (
        SELECT 'event' AS kind, e.chat_id AS "chatId", e.sequence, e.type, e.actor_id AS "actorId", e.command_id AS "commandId",
          ${time('e.at')} AS at, e.payload
        FROM chat_events e WHERE e.chat_id = ${chatId}::uuid AND ${withinStretch('e.sequence', stretch)}) t
      UNION ALL
      SELECT ${LINE}, t.sequence, 2 FROM (
        SELECT 'message' AS kind, g.chat_id AS "chatId", g.sequence, g.message_id AS "messageId", g.ordinal, g.sender_id AS "senderId",
          g.revision, g.body, coalesce(g.content_type, ${DEFAULT_CONTENT_TYPE}) AS "contentType", g.in_reply_to AS "inReplyTo", g.thread_root_id AS "threadRootId",
          ${orEmpty('g.mentions', '[]')} AS mentions, ${orEmpty('g.attachments', '[]')} AS attachments,
          ${orEmpty('g.metadata', '{}')} AS metadata, ${time('g.created_at')} AS "createdAt", ${time('g.edited_at')} AS "editedAt",
          g.edited_by AS "editedBy", ${time('g.deleted_at')} AS "deletedAt"
        FROM messages g WHERE g.chat_id = ${chatId}::uuid AND ${withinStretch('g.sequence', stretch)}) t
      UNION ALL
      SELECT ${LINE}, t.sequence, 2 FROM (
        SELECT 'removed' AS kind, d.chat_id AS "chatId", d.sequence, d.message_id AS "messageId", d.ordinal, d.sender_id AS "senderId",
          ${time('d.created_at')} AS "createdAt"
        FROM removed_messages d WHERE d.chat_id = ${chatId}::uuid AND ${withinStretch('d.sequence', stretch)}) t
    ) lines ORDER BY sequence, place`;
}

/**
 * Earlier texts of the range's messages, after `after`. For a message with many revisions, each page reads only its own
 * rows.
 */
export function revisionLines(stretch: Stretch, after: { sequence: number; revision: number }): Prisma.Sql {
  return Prisma.sql`
    SELECT ${LINE} AS line, t.sequence || ' ' || t.revision AS key FROM (
      SELECT 'revision' AS kind, g.chat_id AS "chatId", g.sequence, v.revision, v.body, ${orEmpty('v.mentions', '[]')} AS mentions,
        ${orEmpty('v.metadata', '{}')} AS metadata, v.actor_id AS "actorId", ${time('v.at')} AS at
      FROM messages g CROSS JOIN LATERAL (
        SELECT * FROM message_revisions v
        WHERE v.message_id = g.message_id AND v.revision > CASE g.sequence WHEN ${after.sequence}::int8 THEN ${after.revision}::int4 ELSE 0 END
        ORDER BY v.message_id, v.revision LIMIT ${EXPORT_PAGE_TEXTS}::int8) v
      WHERE g.chat_id = ${stretch.chatId}::uuid AND g.sequence BETWEEN ${after.sequence}::int8 AND ${stretch.last}
      ORDER BY g.sequence, v.revision LIMIT ${EXPORT_PAGE_TEXTS}::int8) t`;
}

/** Reactions to the range's messages, after `after`. */
export function reactionLines(
  stretch: Stretch,
  after: { sequence: number; userId: string; emoji: string },
): Prisma.Sql {
  return Prisma.sql`
    SELECT ${LINE} AS line, json_build_array(t.sequence, t."userId", t.emoji)::text AS key FROM (
      SELECT 'reaction' AS kind, g.chat_id AS "chatId", g.sequence, r.emoji, r.user_id AS "userId", ${time('r.at')} AS at
      FROM messages g CROSS JOIN LATERAL (
        SELECT * FROM reactions r
        WHERE r.message_id = g.message_id AND (r.user_id, r.emoji) > (
          CASE g.sequence WHEN ${after.sequence}::int8 THEN ${after.userId} ELSE '' END COLLATE "C",
          CASE g.sequence WHEN ${after.sequence}::int8 THEN ${after.emoji} ELSE '' END COLLATE "C")
        ORDER BY r.message_id, r.user_id, r.emoji LIMIT ${EXPORT_PAGE_ROWS}::int8) r
      WHERE g.chat_id = ${stretch.chatId}::uuid AND g.sequence BETWEEN ${after.sequence}::int8 AND ${stretch.last}
      ORDER BY g.sequence, r.user_id, r.emoji LIMIT ${EXPORT_PAGE_ROWS}::int8) t`;
}

export function memberLines(chatId: string, after: string): Prisma.Sql {
  return Prisma.sql`
    SELECT ${LINE} AS line, t."userId" AS key FROM (
      SELECT 'member' AS kind, m.chat_id AS "chatId", m.user_id AS "userId", m.role, ${time('m.muted_until')} AS "mutedUntil",
        ${time('m.joined_at')} AS "joinedAt", m.joined_sequence AS "joinedSequence", m.read_sequence AS "readSequence",
        m.read_ordinal AS "readOrdinal", m.delivered_sequence AS "deliveredSequence", m.hidden_ordinal AS "hiddenOrdinal"
      FROM members m WHERE m.chat_id = ${chatId}::uuid AND m.user_id > ${after} ORDER BY m.user_id LIMIT ${EXPORT_PAGE_ROWS}::int8) t`;
}
