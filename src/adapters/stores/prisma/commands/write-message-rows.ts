/**
 * Messages with their revisions, reactions and threads. They belong to their chat's partition. Each function returns
 * one part of the statement that writes a batch, or null if there is nothing to write. No row is written by two parts.
 */
import type { BatchWrites } from '../../../../application/ports/store/command-store.js';
import type { Message } from '../../../../domain/message.js';
import { column, jsonUnlessEmpty, time, unlessDefaultType } from '../columns.js';
import { Prisma } from '../generated/client.js';

/** A UUID as PostgreSQL writes it, so that the value read back is the value stored. */
const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const asUuid = (id: string | null) => (id !== null && UUID_TEXT.test(id) ? id : null);
const unlessUuid = (id: string | null) => (asUuid(id) === null ? id : null);

/** The command of a message is that of its event, which the same batch writes. */
export function insertMessages({ messages: rows, events }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  const commandIds = new Map<string, string>();
  for (const { event, commandId } of events)
    if (event.type === 'message.created') commandIds.set(event.message.messageId, commandId);
  const commandId = (row: Message) => commandIds.get(row.messageId) ?? null;
  return Prisma.sql`
    INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
      in_reply_to, thread_root_id, mentions, attachments, metadata, created_at, edited_at, deleted_at, edited_by, command_uuid, command_id)
    SELECT chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
      in_reply_to, thread_root_id, mentions::json, attachments::json, metadata::json, created_at, edited_at, deleted_at, edited_by,
      command_uuid, command_id
    FROM unnest(${column(rows, (row) => row.chatId)}::uuid[], ${column(rows, (row) => row.sequence)}::int8[],
      ${column(rows, (row) => row.messageId)}::uuid[], ${column(rows, (row) => row.tenantId)}::text[],
      ${column(rows, (row) => row.ordinal)}::int8[], ${column(rows, (row) => row.senderId)}::text[],
      ${column(rows, (row) => row.revision)}::int4[], ${column(rows, (row) => row.body)}::text[],
      ${column(rows, (row) => unlessDefaultType(row.contentType))}::text[], ${column(rows, (row) => row.inReplyTo)}::uuid[],
      ${column(rows, (row) => row.threadRootId)}::uuid[], ${column(rows, (row) => jsonUnlessEmpty(row.mentions))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.attachments))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.metadata))}::text[],
      ${column(rows, (row) => time(row.createdAt))}::timestamptz[], ${column(rows, (row) => time(row.editedAt))}::timestamptz[],
      ${column(rows, (row) => time(row.deletedAt))}::timestamptz[], ${column(rows, (row) => row.editedBy)}::text[],
      ${column(rows, (row) => asUuid(commandId(row)))}::uuid[], ${column(rows, (row) => unlessUuid(commandId(row)))}::text[])
      AS w(chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
        in_reply_to, thread_root_id, mentions, attachments, metadata, created_at, edited_at, deleted_at, edited_by, command_uuid, command_id)`;
}

/** Messages that were edited or deleted soft. */
export function updateMessages({ messagesChanged: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    UPDATE messages g SET revision = w.revision, body = w.body, mentions = w.mentions::json,
      attachments = w.attachments::json, metadata = w.metadata::json, edited_at = w.edited_at, edited_by = w.edited_by,
      deleted_at = w.deleted_at
    FROM unnest(${column(rows, (row) => row.chatId)}::uuid[], ${column(rows, (row) => row.sequence)}::int8[],
      ${column(rows, (row) => row.revision)}::int4[], ${column(rows, (row) => row.body)}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.mentions))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.attachments))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.metadata))}::text[],
      ${column(rows, (row) => time(row.editedAt))}::timestamptz[], ${column(rows, (row) => row.editedBy)}::text[],
      ${column(rows, (row) => time(row.deletedAt))}::timestamptz[])
      AS w(chat_id, sequence, revision, body, mentions, attachments, metadata, edited_at, edited_by, deleted_at)
    WHERE g.chat_id = w.chat_id AND g.sequence = w.sequence`;
}

export function insertRevisions({ revisions: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO message_revisions (message_id, revision, body, mentions, metadata, actor_id, at)
    SELECT message_id, revision, body, mentions::json, metadata::json, actor_id, at
    FROM unnest(${column(rows, (row) => row.messageId)}::uuid[], ${column(rows, (row) => row.revision)}::int4[],
      ${column(rows, (row) => row.body)}::text[], ${column(rows, (row) => jsonUnlessEmpty(row.mentions))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.metadata))}::text[], ${column(rows, (row) => row.actorId)}::text[],
      ${column(rows, (row) => time(row.at))}::timestamptz[])
      AS w(message_id, revision, body, mentions, metadata, actor_id, at)`;
}

/** For both modes of deletion: no earlier text stays. */
export function deleteRevisions({ revisionsErased, messagesRemoved }: BatchWrites): Prisma.Sql | null {
  return deleteByMessage('message_revisions', [
    ...revisionsErased,
    ...messagesRemoved.map(({ messageId }) => messageId),
  ]);
}

export function insertStubs({ messagesRemoved: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO removed_messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, created_at)
    SELECT * FROM unnest(${column(rows, (row) => row.chatId)}::uuid[], ${column(rows, (row) => row.sequence)}::int8[],
      ${column(rows, (row) => row.messageId)}::uuid[], ${column(rows, (row) => row.tenantId)}::text[],
      ${column(rows, (row) => row.ordinal)}::int8[], ${column(rows, (row) => row.senderId)}::text[],
      ${column(rows, (row) => time(row.createdAt))}::timestamptz[])`;
}

export function deleteMessages({ messagesRemoved }: BatchWrites): Prisma.Sql | null {
  return deleteByMessage(
    'messages',
    messagesRemoved.map(({ messageId }) => messageId),
  );
}

export function insertReactions({ reactions }: BatchWrites): Prisma.Sql | null {
  const rows = reactions.filter(({ present }) => present);
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO reactions (message_id, emoji, user_id, at)
    SELECT * FROM unnest(${column(rows, (row) => row.messageId)}::uuid[], ${column(rows, (row) => row.emoji)}::text[],
      ${column(rows, (row) => row.userId)}::text[], ${column(rows, (row) => time(row.at))}::timestamptz[])`;
}

export function deleteReactions({ reactions }: BatchWrites): Prisma.Sql | null {
  const keys = reactions.filter(({ present }) => !present);
  if (keys.length === 0) return null;
  return Prisma.sql`
    DELETE FROM reactions r
    USING unnest(${column(keys, (key) => key.messageId)}::uuid[], ${column(keys, (key) => key.emoji)}::text[],
      ${column(keys, (key) => key.userId)}::text[]) AS k(message_id, emoji, user_id)
    WHERE r.message_id = k.message_id AND r.emoji = k.emoji AND r.user_id = k.user_id`;
}

interface ReactionDelta {
  messageId: string;
  emoji: string;
  by: number;
}

function reactionDeltas({ reactions }: BatchWrites): ReactionDelta[] {
  const deltas = new Map<string, ReactionDelta>();
  for (const { messageId, emoji, present } of reactions) {
    const key = `${messageId} ${emoji}`;
    const by = (deltas.get(key)?.by ?? 0) + (present ? 1 : -1);
    deltas.set(key, { messageId, emoji, by });
  }
  return [...deltas.values()].filter(({ by }) => by !== 0);
}

/** Without counts that become 0: `deleteEmptyReactionCounts` handles those. */
export function countReactions(writes: BatchWrites): Prisma.Sql | null {
  const rows = reactionDeltas(writes);
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO reaction_counts AS n (message_id, emoji, count)
    SELECT message_id, emoji, by FROM unnest(${column(rows, (row) => row.messageId)}::uuid[],
      ${column(rows, (row) => row.emoji)}::text[], ${column(rows, (row) => row.by)}::int4[]) AS w(message_id, emoji, by)
    WHERE w.by > 0 OR EXISTS (
      SELECT FROM reaction_counts k WHERE k.message_id = w.message_id AND k.emoji = w.emoji AND k.count + w.by > 0)
    ON CONFLICT (message_id, emoji) DO UPDATE SET count = n.count + EXCLUDED.count`;
}

/** If they stayed, a user could create any number of them, and every page with the message would read them. */
export function deleteEmptyReactionCounts(writes: BatchWrites): Prisma.Sql | null {
  const rows = reactionDeltas(writes).filter(({ by }) => by < 0);
  if (rows.length === 0) return null;
  return Prisma.sql`
    DELETE FROM reaction_counts n
    USING unnest(${column(rows, (row) => row.messageId)}::uuid[], ${column(rows, (row) => row.emoji)}::text[],
      ${column(rows, (row) => row.by)}::int4[]) AS w(message_id, emoji, by)
    WHERE n.message_id = w.message_id AND n.emoji = w.emoji AND n.count + w.by <= 0`;
}

export function deleteAllReactions({ messagesRemoved }: BatchWrites): Prisma.Sql | null {
  return deleteByMessage(
    'reactions',
    messagesRemoved.map(({ messageId }) => messageId),
  );
}

export function deleteReactionCounts({ messagesRemoved }: BatchWrites): Prisma.Sql | null {
  return deleteByMessage(
    'reaction_counts',
    messagesRemoved.map(({ messageId }) => messageId),
  );
}

/** A thread whose root was deleted hard has no count to change. */
export function countReplies({ threads: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO threads AS t (root_id, replies)
    SELECT root_id, replies
    FROM unnest(${column(rows, (row) => row.rootId)}::uuid[], ${column(rows, (row) => row.replies)}::int4[]) AS w(root_id, replies)
    WHERE w.replies > 0 OR EXISTS (SELECT FROM threads k WHERE k.root_id = w.root_id)
    ON CONFLICT (root_id) DO UPDATE SET replies = t.replies + EXCLUDED.replies`;
}

export function deleteThreads({ messagesRemoved: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`DELETE FROM threads WHERE root_id = ANY (${column(rows, (row) => row.messageId)}::uuid[])`;
}

function deleteByMessage(
  table: 'messages' | 'message_revisions' | 'reactions' | 'reaction_counts',
  messageIds: string[],
): Prisma.Sql | null {
  if (messageIds.length === 0) return null;
  return Prisma.sql`DELETE FROM ${Prisma.raw(table)} WHERE message_id = ANY (${column(messageIds, (id) => id)}::uuid[])`;
}
