/**
 * Writes an archive's lines as rows, set by set. None of the rows exists yet. A conflict means that the archive
 * contradicts itself or uses an id that belongs to another chat or tenant, and the archive is refused.
 *
 * Raw: each statement writes or deletes a set of rows, some with the rows that depend on them.
 */
import type { ChatRowLine } from '../../../../application/ports/store/archive.js';
import { StoreError } from '../../../../application/ports/store/command-store.js';
import type { ArchiveLineOf } from '../../../../contract/archive/lines.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import { DEFAULT_PRESENCE, nameKey } from '../../../../domain/user.js';
import { column, jsonUnlessEmpty, unlessDefaultType } from '../columns.js';
import type { Prisma } from '../generated/client.js';

/** The tenant of members while their chat is imported. No tenant's id is empty. */
export const NO_TENANT = '';
/** Number of rows deleted at a time. */
const PIECE_ROWS = 2_000;

type Transaction = Prisma.TransactionClient;
type Lines<K extends ChatRowLine['kind']> = ArchiveLineOf<K>[];

interface ChatKey {
  tenantId: string;
  chatId: string;
  importNumber: number;
}

/** In key order, like every writer of profiles. */
export async function insertProfiles(
  tx: Transaction,
  tenantId: string,
  unordered: readonly ArchiveLineOf<'user'>[],
): Promise<void> {
  const rows = [...unordered].sort((a, b) => (a.userId < b.userId ? -1 : 1));
  await tx.$executeRaw`
    INSERT INTO users (tenant_id, user_id, display_name, name_key, avatar_url, kind, metadata, presence, revision, created_at, updated_at)
    SELECT ${tenantId}, user_id, display_name, name_key, avatar_url, kind, metadata::json, presence, revision, created_at, updated_at
    FROM unnest(${column(rows, (row) => row.userId)}::text[],
      ${column(rows, (row) => row.displayName)}::text[], ${column(rows, (row) => nameKey(row.displayName))}::text[],
      ${column(rows, (row) => row.avatarUrl)}::text[],
      ${column(rows, (row) => row.userKind)}::text[], ${column(rows, (row) => JSON.stringify(row.metadata))}::text[],
      ${column(rows, (row) => row.presence ?? DEFAULT_PRESENCE)}::text[], ${column(rows, (row) => row.revision)}::int4[],
      ${column(rows, (row) => row.createdAt)}::timestamptz[], ${column(rows, (row) => row.updatedAt)}::timestamptz[])
      AS w(user_id, display_name, name_key, avatar_url, kind, metadata, presence, revision, created_at, updated_at)
    ON CONFLICT DO NOTHING`;
}

export async function insertArchivedRows(tx: Transaction, chat: ChatKey, lines: readonly ChatRowLine[]): Promise<void> {
  const of = <K extends ChatRowLine['kind']>(kind: K) => lines.filter((line) => line.kind === kind) as Lines<K>;
  await insertEvents(tx, chat, of('event'));
  await insertMessages(tx, chat, of('message'));
  await insertRemoved(tx, chat, of('removed'));
  await insertRevisions(tx, chat, of('revision'));
  await insertReactions(tx, chat, of('reaction'));
  await insertMembers(tx, chat, of('member'));
}

/** Each import has its own range of the log, outside of all partitions, as long as a chat's sequences can be. */
async function insertEvents(tx: Transaction, chat: ChatKey, rows: Lines<'event'>): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload)
    SELECT ${PARTITION_WHILE_IMPORTED}::int4, (${chat.importNumber}::int8 << 32) + sequence, type, ${chat.tenantId}, ${chat.chatId}::uuid,
      sequence, actor_id, command_id, at, payload::json
    FROM unnest(${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.type)}::text[],
      ${column(rows, (row) => row.actorId)}::text[], ${column(rows, (row) => row.commandId)}::text[],
      ${column(rows, (row) => row.at)}::timestamptz[],
      ${column(rows, ({ payload }) => (payload ? JSON.stringify(payload) : null))}::text[])
      AS w(sequence, type, actor_id, command_id, at, payload)`;
}

async function insertMessages(tx: Transaction, chat: ChatKey, rows: Lines<'message'>): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
      in_reply_to, thread_root_id, mentions, attachments, metadata, created_at, edited_at, deleted_at, edited_by, command_uuid, command_id)
    SELECT ${chat.chatId}::uuid, sequence, message_id, ${chat.tenantId}, ordinal, sender_id, revision, body, content_type,
      in_reply_to, thread_root_id, mentions::json, attachments::json, metadata::json, created_at, edited_at, deleted_at, edited_by,
      CASE WHEN e.is_uuid THEN e.command_id::uuid END, CASE WHEN NOT e.is_uuid THEN e.command_id END
    FROM unnest(${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.messageId)}::uuid[],
      ${column(rows, (row) => row.ordinal)}::int8[], ${column(rows, (row) => row.senderId)}::text[],
      ${column(rows, (row) => row.revision)}::int4[], ${column(rows, (row) => row.body)}::text[],
      ${column(rows, (row) => unlessDefaultType(row.contentType))}::text[], ${column(rows, (row) => row.inReplyTo)}::uuid[],
      ${column(rows, (row) => row.threadRootId)}::uuid[], ${column(rows, (row) => jsonUnlessEmpty(row.mentions))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.attachments))}::text[], ${column(rows, (row) => jsonUnlessEmpty(row.metadata))}::text[],
      ${column(rows, (row) => row.createdAt)}::timestamptz[], ${column(rows, (row) => row.editedAt)}::timestamptz[],
      ${column(rows, (row) => row.deletedAt)}::timestamptz[], ${column(rows, (row) => row.editedBy)}::text[])
      AS w(sequence, message_id, ordinal, sender_id, revision, body, content_type, in_reply_to, thread_root_id, mentions,
        attachments, metadata, created_at, edited_at, deleted_at, edited_by)
    LEFT JOIN LATERAL (SELECT command_id, command_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AS is_uuid FROM chat_events
      WHERE chat_id = ${chat.chatId}::uuid AND sequence = w.sequence OFFSET 0) e ON TRUE`;
  await countReplies(tx, chat, rows);
}

/** A thread has a count only if its root is an existing message of the same chat. */
async function countReplies(tx: Transaction, { chatId }: ChatKey, messages: Lines<'message'>): Promise<void> {
  const replies = messages.filter(({ threadRootId }) => threadRootId !== null);
  if (replies.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO threads AS t (root_id, replies)
    SELECT w.root_id, count(*) FROM unnest(${column(replies, (row) => row.threadRootId)}::uuid[]) AS w(root_id)
    CROSS JOIN LATERAL (SELECT chat_id FROM messages g WHERE g.message_id = w.root_id OFFSET 0) g
    WHERE g.chat_id = ${chatId}::uuid GROUP BY w.root_id
    ON CONFLICT (root_id) DO UPDATE SET replies = t.replies + EXCLUDED.replies`;
}

async function insertRemoved(tx: Transaction, chat: ChatKey, rows: Lines<'removed'>): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO removed_messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, created_at)
    SELECT ${chat.chatId}::uuid, sequence, message_id, ${chat.tenantId}, ordinal, sender_id, created_at
    FROM unnest(${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.messageId)}::uuid[],
      ${column(rows, (row) => row.ordinal)}::int8[], ${column(rows, (row) => row.senderId)}::text[],
      ${column(rows, (row) => row.createdAt)}::timestamptz[]) AS w(sequence, message_id, ordinal, sender_id, created_at)`;
}

async function insertRevisions(tx: Transaction, { chatId }: ChatKey, rows: Lines<'revision'>): Promise<void> {
  if (rows.length === 0) return;
  const inserted = await tx.$executeRaw`
    INSERT INTO message_revisions (message_id, revision, body, mentions, metadata, actor_id, at)
    SELECT g.message_id, w.revision, w.body, w.mentions::json, w.metadata::json, w.actor_id, w.at
    FROM unnest(${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.revision)}::int4[],
      ${column(rows, (row) => row.body)}::text[], ${column(rows, (row) => jsonUnlessEmpty(row.mentions))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.metadata))}::text[], ${column(rows, (row) => row.actorId)}::text[],
      ${column(rows, (row) => row.at)}::timestamptz[]) AS w(sequence, revision, body, mentions, metadata, actor_id, at)
    CROSS JOIN LATERAL (SELECT * FROM messages g WHERE g.chat_id = ${chatId}::uuid AND g.sequence = w.sequence OFFSET 0) g
    WHERE w.revision < g.revision AND g.deleted_at IS NULL`;
  if (inserted < rows.length)
    throw new StoreError('refused', 'a revision of a missing or deleted message, or without a later text');
}

async function insertReactions(tx: Transaction, { chatId }: ChatKey, rows: Lines<'reaction'>): Promise<void> {
  if (rows.length === 0) return;
  const [written] = await tx.$queryRaw<{ count: number }[]>`
    WITH added AS (
      INSERT INTO reactions (message_id, emoji, user_id, at)
      SELECT g.message_id, w.emoji, w.user_id, w.at
      FROM unnest(${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.emoji)}::text[],
        ${column(rows, (row) => row.userId)}::text[], ${column(rows, (row) => row.at)}::timestamptz[]) AS w(sequence, emoji, user_id, at)
      CROSS JOIN LATERAL (SELECT * FROM messages g WHERE g.chat_id = ${chatId}::uuid AND g.sequence = w.sequence OFFSET 0) g
      RETURNING message_id, emoji),
    counted AS (
      INSERT INTO reaction_counts AS n (message_id, emoji, count) SELECT message_id, emoji, count(*) FROM added GROUP BY message_id, emoji
      ON CONFLICT (message_id, emoji) DO UPDATE SET count = n.count + EXCLUDED.count)
    SELECT count(*)::int4 AS count FROM added`;
  if (written?.count !== rows.length) throw new StoreError('refused', 'a reaction to a missing message');
}

async function insertMembers(tx: Transaction, chat: ChatKey, rows: Lines<'member'>): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO members (chat_id, user_id, tenant_id, role, muted_until, joined_at, joined_sequence, read_sequence, read_ordinal,
      delivered_sequence, hidden_ordinal)
    SELECT ${chat.chatId}::uuid, user_id, ${NO_TENANT}, role, muted_until, joined_at, joined_sequence, read_sequence, read_ordinal,
      delivered_sequence, hidden_ordinal
    FROM unnest(${column(rows, (row) => row.userId)}::text[], ${column(rows, (row) => row.role)}::text[],
      ${column(rows, (row) => row.mutedUntil)}::timestamptz[], ${column(rows, (row) => row.joinedAt)}::timestamptz[],
      ${column(rows, (row) => row.joinedSequence)}::int8[], ${column(rows, (row) => row.readSequence)}::int8[],
      ${column(rows, (row) => row.readOrdinal)}::int8[], ${column(rows, (row) => row.deliveredSequence ?? 0)}::int8[],
      ${column(rows, (row) => row.hiddenOrdinal ?? null)}::int8[])
      AS w(user_id, role, muted_until, joined_at, joined_sequence, read_sequence, read_ordinal, delivered_sequence, hidden_ordinal)`;
}

/** Deletes some rows of a chat. Returns how many; 0 when none are left. */
export async function clearChatPiece(tx: Transaction, chatId: string): Promise<number> {
  return (
    (await tx.$executeRaw`
      WITH piece AS MATERIALIZED (SELECT message_id FROM messages WHERE chat_id = ${chatId}::uuid ORDER BY sequence LIMIT ${PIECE_ROWS}::int8),
        revisions AS (DELETE FROM message_revisions WHERE message_id IN (SELECT message_id FROM piece)),
        reacted AS (DELETE FROM reactions WHERE message_id IN (SELECT message_id FROM piece)),
        counts AS (DELETE FROM reaction_counts WHERE message_id IN (SELECT message_id FROM piece)),
        roots AS (DELETE FROM threads WHERE root_id IN (SELECT message_id FROM piece))
      DELETE FROM messages WHERE message_id IN (SELECT message_id FROM piece)`) +
    (await tx.$executeRaw`
      DELETE FROM removed_messages WHERE chat_id = ${chatId}::uuid AND sequence IN
        (SELECT sequence FROM removed_messages WHERE chat_id = ${chatId}::uuid ORDER BY sequence LIMIT ${PIECE_ROWS}::int8)`) +
    (await tx.$executeRaw`
      DELETE FROM chat_events WHERE chat_id = ${chatId}::uuid AND sequence IN
        (SELECT sequence FROM chat_events WHERE chat_id = ${chatId}::uuid ORDER BY sequence LIMIT ${PIECE_ROWS}::int8)`) +
    (await tx.$executeRaw`
      DELETE FROM members WHERE chat_id = ${chatId}::uuid AND user_id IN
        (SELECT user_id FROM members WHERE chat_id = ${chatId}::uuid ORDER BY user_id LIMIT ${PIECE_ROWS}::int8)`)
  );
}
