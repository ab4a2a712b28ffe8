/** Rows that belong to one partition alone: nobody else writes them while its row is held. */
import { type BatchRequest, type BatchWrites, type Facts, StoreError } from '../../application/ports/command-store.js';
import type { Chat } from '../../domain/chat.js';
import { jsonUnlessEmpty, time } from './columns.js';
import { toPayload } from './event-rows.js';
import type { Prisma } from './generated/client.js';

type Transaction = Prisma.TransactionClient;

export async function updateChats(tx: Transaction, rows: Chat[]) {
  if (rows.length === 0) return;
  const count = await tx.$executeRaw`
    UPDATE chats c SET partition = w.partition, title = w.title, metadata = w.metadata::json, archived_at = w.archived_at,
      last_sequence = w.last_sequence, last_ordinal = w.last_ordinal, member_count = w.member_count,
      owner_count = w.owner_count, last_activity_at = w.last_activity_at
    FROM unnest(${rows.map((row) => row.chatId)}::uuid[], ${rows.map((row) => row.partition)}::int4[],
      ${rows.map((row) => row.title)}::text[], ${rows.map((row) => JSON.stringify(row.metadata))}::text[],
      ${rows.map((row) => time(row.archivedAt))}::timestamptz[], ${rows.map((row) => row.lastSequence)}::int8[],
      ${rows.map((row) => row.lastOrdinal)}::int8[], ${rows.map((row) => row.memberCount)}::int4[],
      ${rows.map((row) => row.ownerCount)}::int4[], ${rows.map((row) => time(row.lastActivityAt))}::timestamptz[])
      AS w(chat_id, partition, title, metadata, archived_at, last_sequence, last_ordinal, member_count, owner_count,
        last_activity_at)
    WHERE c.chat_id = w.chat_id`;
  if (count < rows.length) throw new StoreError('refused', 'a chat that is to be changed does not exist');
}

export async function putMembers(tx: Transaction, { membersPut: rows }: BatchWrites) {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO members (chat_id, user_id, tenant_id, role, muted_until, joined_at, joined_sequence, read_sequence,
      read_ordinal)
    SELECT * FROM unnest(${rows.map((row) => row.chatId)}::uuid[], ${rows.map((row) => row.userId)}::text[],
      ${rows.map((row) => row.tenantId)}::text[], ${rows.map((row) => row.role)}::text[],
      ${rows.map((row) => time(row.mutedUntil))}::timestamptz[], ${rows.map((row) => time(row.joinedAt))}::timestamptz[],
      ${rows.map((row) => row.joinedSequence)}::int8[], ${rows.map((row) => row.readSequence)}::int8[],
      ${rows.map((row) => row.readOrdinal)}::int8[])
    ON CONFLICT (chat_id, user_id) DO UPDATE SET role = EXCLUDED.role, muted_until = EXCLUDED.muted_until,
      joined_at = EXCLUDED.joined_at, joined_sequence = EXCLUDED.joined_sequence,
      read_sequence = EXCLUDED.read_sequence, read_ordinal = EXCLUDED.read_ordinal`;
}

export async function removeMembers(tx: Transaction, { membersRemoved: keys }: BatchWrites) {
  if (keys.length === 0) return;
  await tx.$executeRaw`
    DELETE FROM members m
    USING unnest(${keys.map((key) => key.chatId)}::uuid[], ${keys.map((key) => key.userId)}::text[]) AS k(chat_id, user_id)
    WHERE m.chat_id = k.chat_id AND m.user_id = k.user_id`;
}

export async function insertMessages(tx: Transaction, { messages: rows }: BatchWrites) {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
      in_reply_to, thread_root_id, mentions, attachments, metadata, created_at, edited_at, deleted_at)
    SELECT chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
      in_reply_to, thread_root_id, mentions::json, attachments::json, metadata::json, created_at, edited_at, deleted_at
    FROM unnest(${rows.map((row) => row.chatId)}::uuid[], ${rows.map((row) => row.sequence)}::int8[],
      ${rows.map((row) => row.messageId)}::uuid[], ${rows.map((row) => row.tenantId)}::text[],
      ${rows.map((row) => row.ordinal)}::int8[], ${rows.map((row) => row.senderId)}::text[],
      ${rows.map((row) => row.revision)}::int4[], ${rows.map((row) => row.body)}::text[],
      ${rows.map((row) => row.contentType)}::text[], ${rows.map((row) => row.inReplyTo)}::uuid[],
      ${rows.map((row) => row.threadRootId)}::uuid[], ${rows.map((row) => jsonUnlessEmpty(row.mentions))}::text[],
      ${rows.map((row) => jsonUnlessEmpty(row.attachments))}::text[],
      ${rows.map((row) => jsonUnlessEmpty(row.metadata))}::text[],
      ${rows.map((row) => time(row.createdAt))}::timestamptz[], ${rows.map((row) => time(row.editedAt))}::timestamptz[],
      ${rows.map((row) => time(row.deletedAt))}::timestamptz[])
      AS w(chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
        in_reply_to, thread_root_id, mentions, attachments, metadata, created_at, edited_at, deleted_at)`;
}

export async function insertEvents(
  tx: Transaction,
  { partition }: BatchRequest,
  facts: Facts,
  { events: rows }: BatchWrites,
) {
  if (rows.length === 0) return;
  const gap = rows.findIndex(
    (row, index) => row.partition !== partition || row.position !== facts.position + index + 1,
  );
  if (gap !== -1) throw new StoreError('refused', `event ${gap} of the batch is not at its position in the log`);
  await tx.$executeRaw`
    INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload,
      traceparent, tracestate)
    SELECT ${partition}::int4, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload::json,
      traceparent, tracestate
    FROM unnest(${rows.map((row) => row.position)}::int8[], ${rows.map((row) => row.event.type)}::text[],
      ${rows.map((row) => row.tenantId)}::text[], ${rows.map((row) => row.chatId)}::uuid[],
      ${rows.map((row) => row.sequence)}::int8[], ${rows.map((row) => row.actorId)}::text[],
      ${rows.map((row) => row.commandId)}::text[], ${rows.map((row) => time(row.at))}::timestamptz[],
      ${rows.map((row) => toPayload(row.event))}::text[], ${rows.map((row) => row.traceparent)}::text[],
      ${rows.map((row) => row.tracestate)}::text[])
      AS w(position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload, traceparent, tracestate)`;
}

export async function movePartition(tx: Transaction, { partition, publishedThrough }: BatchRequest, position: number) {
  await tx.$executeRaw`
    UPDATE partitions SET position = ${position}, published_through = GREATEST(published_through, ${publishedThrough})
    WHERE partition = ${partition}`;
}
