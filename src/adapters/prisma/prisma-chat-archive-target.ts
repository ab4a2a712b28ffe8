import type { ChatArchiveTarget } from '../../application/ports/archive.js';
import type { ArchiveLine, ArchiveLineOf } from '../../contract/archive.js';
import { PARTITION_WHILE_IMPORTED } from '../../domain/chat.js';
import { column, jsonUnlessEmpty } from './columns.js';
import type { Prisma, PrismaClient } from './generated/client.js';
import { TRANSACTION_START_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS } from './prisma-database.js';
import { rethrow } from './store-errors.js';

/** Imports take turns chunk by chunk: each takes the next positions of the log that belongs to no partition. */
const IMPORT_LOCK = 72_707_370;

type Transaction = Prisma.TransactionClient;
type Chat = ArchiveLineOf<'chat'>;

/**
 * While a chat is brought in it belongs to no partition's owner (`PARTITION_WHILE_IMPORTED`), so that no command can come in between; its events stand
 * in a log of their own, which nobody publishes. At the end it is placed by its next command, like any chat without a partition.
 */
export class PrismaChatArchiveTarget implements ChatArchiveTarget {
  constructor(private readonly database: PrismaClient) {}

  async begin(chat: Chat): Promise<'open' | 'known' | 'differs'> {
    const inserted = await this.database.$executeRaw`
      INSERT INTO chats (chat_id, tenant_id, partition, kind, title, metadata, created_by, created_at, archived_at,
        last_sequence, last_ordinal, member_count, owner_count, last_activity_at, history_visibility, history_sequence)
      VALUES (${chat.chatId}::uuid, ${chat.tenantId}, ${PARTITION_WHILE_IMPORTED}, ${chat.chatKind}, ${chat.title},
        ${JSON.stringify(chat.metadata)}::json, ${chat.createdBy}, ${chat.createdAt}::timestamptz, ${chat.archivedAt}::timestamptz,
        ${chat.lastSequence}, ${chat.lastOrdinal}, ${chat.memberCount}, ${chat.ownerCount}, ${chat.lastActivityAt}::timestamptz,
        ${chat.historyVisibility}, ${chat.historySequence})
      ON CONFLICT DO NOTHING`.catch(rethrow);
    if (inserted === 1) return 'open';
    const [there] = await this.database.$queryRaw<{ isSame: boolean; isOpen: boolean }[]>`
      SELECT tenant_id = ${chat.tenantId} AND created_by = ${chat.createdBy} AND created_at = ${chat.createdAt}::timestamptz AS "isSame",
        partition IS NOT DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4 AS "isOpen"
      FROM chats WHERE chat_id = ${chat.chatId}::uuid`.catch(rethrow);
    if (there === undefined || !there.isSame) return 'differs';
    return there.isOpen ? 'open' : 'known';
  }

  async put(chat: Chat, lines: readonly ArchiveLine[]): Promise<void> {
    const of = <K extends ArchiveLine['kind']>(kind: K) =>
      lines.filter((line): line is ArchiveLineOf<K> => line.kind === kind);
    await this.transact(async (tx) => {
      await putUsers(tx, of('user'));
      await putMessages(tx, chat, of('message'));
      await putRemoved(tx, chat, of('removed'));
      await putEvents(tx, chat, of('event'));
      await putMembers(tx, chat, of('member'));
    });
  }

  async end({ chatId }: Chat): Promise<void> {
    await this.transact(async (tx) => {
      await tx.$executeRaw`
        INSERT INTO threads (root_id, replies) SELECT thread_root_id, count(*) FROM messages
        WHERE chat_id = ${chatId}::uuid AND thread_root_id IS NOT NULL GROUP BY thread_root_id
        ON CONFLICT (root_id) DO UPDATE SET replies = EXCLUDED.replies`;
      await tx.$executeRaw`
        WITH counted AS (UPDATE store SET imports = imports + 1 RETURNING imports)
        UPDATE chats SET partition = NULL, import_number = counted.imports FROM counted WHERE chat_id = ${chatId}::uuid`;
    });
  }

  private async transact(work: (tx: Transaction) => Promise<void>): Promise<void> {
    await this.database
      .$transaction(
        async (tx) => {
          await tx.$executeRaw`SELECT pg_advisory_xact_lock(${IMPORT_LOCK}::int8)`;
          await work(tx);
        },
        { timeout: TRANSACTION_TIMEOUT_MS, maxWait: TRANSACTION_START_TIMEOUT_MS },
      )
      .catch(rethrow);
  }
}

async function putUsers(tx: Transaction, unordered: ArchiveLineOf<'user'>[]): Promise<void> {
  if (unordered.length === 0) return;
  // In key order, as everybody who writes profiles does.
  const rows = [...unordered].sort((a, b) => (`${a.tenantId} ${a.userId}` < `${b.tenantId} ${b.userId}` ? -1 : 1));
  await tx.$executeRaw`
    INSERT INTO users (tenant_id, user_id, display_name, avatar_url, kind, metadata, revision, created_at, updated_at)
    SELECT tenant_id, user_id, display_name, avatar_url, kind, metadata::json, revision, created_at, updated_at
    FROM unnest(${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.userId)}::text[],
      ${column(rows, (row) => row.displayName)}::text[], ${column(rows, (row) => row.avatarUrl)}::text[],
      ${column(rows, (row) => row.userKind)}::text[], ${column(rows, (row) => JSON.stringify(row.metadata))}::text[],
      ${column(rows, (row) => row.revision)}::int4[], ${column(rows, (row) => row.createdAt)}::timestamptz[],
      ${column(rows, (row) => row.updatedAt)}::timestamptz[])
      AS w(tenant_id, user_id, display_name, avatar_url, kind, metadata, revision, created_at, updated_at)
    ON CONFLICT DO NOTHING`;
}

async function putMessages(tx: Transaction, chat: Chat, rows: ArchiveLineOf<'message'>[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type,
      in_reply_to, thread_root_id, mentions, attachments, metadata, created_at, edited_at, deleted_at, edited_by)
    SELECT ${chat.chatId}::uuid, sequence, message_id, ${chat.tenantId}, ordinal, sender_id, revision, body, content_type,
      in_reply_to, thread_root_id, mentions::json, attachments::json, metadata::json, created_at, edited_at, deleted_at, edited_by
    FROM unnest(${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.messageId)}::uuid[],
      ${column(rows, (row) => row.ordinal)}::int8[], ${column(rows, (row) => row.senderId)}::text[],
      ${column(rows, (row) => row.revision)}::int4[], ${column(rows, (row) => row.body)}::text[],
      ${column(rows, (row) => row.contentType)}::text[], ${column(rows, (row) => row.inReplyTo)}::uuid[],
      ${column(rows, (row) => row.threadRootId)}::uuid[], ${column(rows, (row) => jsonUnlessEmpty(row.mentions))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.attachments))}::text[], ${column(rows, (row) => jsonUnlessEmpty(row.metadata))}::text[],
      ${column(rows, (row) => row.createdAt)}::timestamptz[], ${column(rows, (row) => row.editedAt)}::timestamptz[],
      ${column(rows, (row) => row.deletedAt)}::timestamptz[], ${column(rows, (row) => row.editedBy)}::text[])
      AS w(sequence, message_id, ordinal, sender_id, revision, body, content_type, in_reply_to, thread_root_id, mentions,
        attachments, metadata, created_at, edited_at, deleted_at, edited_by)
    ON CONFLICT (chat_id, sequence) DO NOTHING`;
  await putRevisions(tx, rows);
  await putReactions(tx, rows);
}

async function putRevisions(tx: Transaction, messages: ArchiveLineOf<'message'>[]): Promise<void> {
  const rows = messages.flatMap(({ messageId, revisions }) => revisions.map((row) => ({ messageId, ...row })));
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO message_revisions (message_id, revision, body, mentions, metadata, actor_id, at)
    SELECT message_id, revision, body, mentions::json, metadata::json, actor_id, at
    FROM unnest(${column(rows, (row) => row.messageId)}::uuid[], ${column(rows, (row) => row.revision)}::int4[],
      ${column(rows, (row) => row.body)}::text[], ${column(rows, (row) => jsonUnlessEmpty(row.mentions))}::text[],
      ${column(rows, (row) => jsonUnlessEmpty(row.metadata))}::text[], ${column(rows, (row) => row.actorId)}::text[],
      ${column(rows, (row) => row.at)}::timestamptz[]) AS w(message_id, revision, body, mentions, metadata, actor_id, at)
    ON CONFLICT DO NOTHING`;
}

/** All of a message's reactions are on its line: its counts are what is on it. */
async function putReactions(tx: Transaction, messages: ArchiveLineOf<'message'>[]): Promise<void> {
  const rows = messages.flatMap(({ messageId, reactions }) => reactions.map((row) => ({ messageId, ...row })));
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO reactions (message_id, emoji, user_id, at)
    SELECT * FROM unnest(${column(rows, (row) => row.messageId)}::uuid[], ${column(rows, (row) => row.emoji)}::text[],
      ${column(rows, (row) => row.userId)}::text[], ${column(rows, (row) => row.at)}::timestamptz[])
    ON CONFLICT DO NOTHING`;
  await tx.$executeRaw`
    INSERT INTO reaction_counts (message_id, emoji, count) SELECT message_id, emoji, count(*)
    FROM reactions WHERE message_id = ANY (${column(messages, (row) => row.messageId)}::uuid[]) GROUP BY message_id, emoji
    ON CONFLICT (message_id, emoji) DO UPDATE SET count = EXCLUDED.count`;
}

async function putRemoved(tx: Transaction, chat: Chat, rows: ArchiveLineOf<'removed'>[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO removed_messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, created_at)
    SELECT ${chat.chatId}::uuid, sequence, message_id, ${chat.tenantId}, ordinal, sender_id, created_at
    FROM unnest(${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.messageId)}::uuid[],
      ${column(rows, (row) => row.ordinal)}::int8[], ${column(rows, (row) => row.senderId)}::text[],
      ${column(rows, (row) => row.createdAt)}::timestamptz[]) AS w(sequence, message_id, ordinal, sender_id, created_at)
    ON CONFLICT DO NOTHING`;
}

async function putEvents(tx: Transaction, chat: Chat, rows: ArchiveLineOf<'event'>[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload)
    SELECT ${PARTITION_WHILE_IMPORTED}::int4, last.position + n, type, ${chat.tenantId}, ${chat.chatId}::uuid, sequence, actor_id,
      command_id, at, payload::json
    FROM unnest(${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.type)}::text[],
      ${column(rows, (row) => row.actorId)}::text[], ${column(rows, (row) => row.commandId)}::text[],
      ${column(rows, (row) => row.at)}::timestamptz[],
      ${column(rows, (row) => (row.payload === undefined || row.payload === null ? null : JSON.stringify(row.payload)))}::text[])
      WITH ORDINALITY AS w(sequence, type, actor_id, command_id, at, payload, n),
      (SELECT coalesce(max(position), 0) AS position FROM chat_events WHERE partition = ${PARTITION_WHILE_IMPORTED}) AS last
    ON CONFLICT (chat_id, sequence) DO NOTHING`;
}

async function putMembers(tx: Transaction, chat: Chat, rows: ArchiveLineOf<'member'>[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO members (chat_id, user_id, tenant_id, role, muted_until, joined_at, joined_sequence, read_sequence, read_ordinal)
    SELECT ${chat.chatId}::uuid, user_id, ${chat.tenantId}, role, muted_until, joined_at, joined_sequence, read_sequence, read_ordinal
    FROM unnest(${column(rows, (row) => row.userId)}::text[], ${column(rows, (row) => row.role)}::text[],
      ${column(rows, (row) => row.mutedUntil)}::timestamptz[], ${column(rows, (row) => row.joinedAt)}::timestamptz[],
      ${column(rows, (row) => row.joinedSequence)}::int8[], ${column(rows, (row) => row.readSequence)}::int8[],
      ${column(rows, (row) => row.readOrdinal)}::int8[])
      AS w(user_id, role, muted_until, joined_at, joined_sequence, read_sequence, read_ordinal)
    ON CONFLICT DO NOTHING`;
}
