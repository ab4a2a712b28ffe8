/**
 * Reads everything that a batch needs in one statement, from one snapshot.
 *
 * Each table is queried key by key (LATERAL … OFFSET 0). Otherwise a plan made while a table was small would read the
 * whole table and compare each row with every key. The plan stays cached as long as the statistics do, while the table
 * grows. Receipts are found by an array of keys: their key is one column, and the sessions of batches read no table
 * from end to end.
 *
 * Raw: twelve tables in one statement, keys as arrays.
 */
import {
  type BatchLease,
  type BatchRequest,
  type BatchSnapshot,
  memberKey,
  messageEmojiKey,
  type ReactorKey,
  type ReceiptKey,
  reactionKey,
  reactorKey,
  readMarkKey,
  receiptKey,
  type SnapshotKeys,
  type StoredReceipt,
  type UserKey,
  userKey,
  webhookKey,
} from '../../../../application/ports/store/command-store.js';
import { EMOJI_PER_MESSAGE_MAX, EMOJI_PER_USER_AND_MESSAGE_MAX } from '../../../../contract/messages/commands.js';
import type { Chat, Member } from '../../../../domain/chat.js';
import type { Message, MessageReference, Reaction } from '../../../../domain/message.js';
import type { User } from '../../../../domain/user.js';
import type { UserChats } from '../../../../domain/user-chats.js';
import type { Webhook } from '../../../../domain/webhook.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { storedReceiptKey } from '../receipts/receipt-key.js';
import { RECEIPT_COLUMNS, type ReceiptRow, toStoredReceipt } from '../receipts/receipt-rows.js';
import {
  CHAT_COLUMNS,
  type ChatRow,
  MEMBER_COLUMNS,
  MESSAGE_COLUMNS,
  type MemberRow,
  type MessageRow,
  milliseconds,
  toChat,
  toDate,
  toMember,
  toMessage,
  toUser,
  USER_COLUMNS,
  type UserRow,
} from '../rows.js';
import { toWebhook, WEBHOOK_COLUMNS, type WebhookRow } from '../webhooks/webhook-rows.js';

/**
 * The requested rows of each table as one JSON array in text form. Null if there are none. With separate cells, Prisma
 * and the driver would process each value several times.
 */
type FoundTexts = { [table in keyof SnapshotKeys | 'reactedTo']: string | null };

interface FoundRow extends FoundTexts {
  positions: string | null;
}

export interface ReadBatch {
  snapshot: BatchSnapshot;
  /** The present period of the receipts: see `receipt-periods.ts`. */
  receiptPeriod: number;
}

/**
 * A partition whose lease another worker has is missing in `positions`. A former owner that is still writing blocks the
 * acquisition of the lease, so that none of its writes is missed.
 */
export async function readSnapshot(
  database: Pick<PrismaClient, '$queryRaw'>,
  { leases, keys }: BatchRequest,
): Promise<ReadBatch> {
  const [found] = await database.$queryRaw<FoundRow[]>`
    SELECT ${rows(findPositions(leases))} AS positions,
      ${rows(findReceipts(keys))} AS receipts, ${rows(findChats(keys))} AS chats, ${rows(findMembers(keys))} AS members,
      ${rows(findUsers(keys))} AS users, ${rows(findMessages(keys))} AS messages,
      ${rows(findMessagesInFull(keys))} AS "messagesInFull", ${rows(findReactions(keys))} AS reactions,
      ${rows(countEmojiOfMessages(keys))} AS "reactedTo", ${rows(countEmojiOfReactors(keys))} AS reactors,
      ${rows(findOrdinals(keys))} AS "readMarks",
      ${rows(findUserChats(keys))} AS "userChats", ${rows(findFormerMutes(keys))} AS "formerMutes",
      ${rows(findWebhooks(keys))} AS "webhookTenants"`;
  if (found === undefined) throw new Error('a SELECT without FROM returned no row');
  const positions = found.positions === null ? [] : (JSON.parse(found.positions) as PositionRow[]);
  const reactions = found.reactions === null ? [] : (JSON.parse(found.reactions) as ReactionRow[]);
  const snapshot: BatchSnapshot = {
    positions: new Map(positions.map(({ partition, position }) => [partition, position])),
    receipts: receiptsOf(found.receipts, keys.receipts),
    chats: mapOf<ChatRow, Chat>(found.chats, (row) => row.chatId, toChat),
    members: mapOf<MemberRow, Member>(found.members, memberKey, toMember),
    users: mapOf<UserRow, User>(found.users, userKey, toUser),
    messages: mapOf<ReferenceRow, MessageReference>(found.messages, (row) => row.messageId, toReference),
    messagesInFull: mapOf<MessageRow, Message>(found.messagesInFull, (row) => row.messageId, toMessage),
    reactions: new Set(reactions.filter(({ present }) => present).map(reactionKey)),
    reactionCounts: new Map(reactions.map((row) => [messageEmojiKey(row), row.count])),
    emojiOfMessages: mapOf<EmojiRow, number>(
      found.reactedTo,
      ({ messageId }) => messageId,
      ({ emoji }) => emoji,
    ),
    emojiOfReactors: mapOf<EmojiRow & ReactorKey, number>(found.reactors, reactorKey, ({ emoji }) => emoji),
    ordinals: mapOf<OrdinalRow, number>(found.readMarks, readMarkKey, (row) => row.ordinal),
    userChats: mapOf<UserKey & UserChats, UserChats>(found.userChats, userKey, ({ created, joined }) => ({
      created,
      joined,
    })),
    formerMutes: mapOf<FormerMuteRow, Date>(found.formerMutes, memberKey, ({ mutedUntil }) => new Date(mutedUntil)),
    webhooks: mapOf<WebhookRow, Webhook>(found.webhookTenants, webhookKey, toWebhook),
  };
  // It is the same in all rows. If it were not, the write would find one of them changed.
  return { snapshot, receiptPeriod: Math.max(0, ...positions.map((row) => row.receiptPeriod)) };
}

function rows(select: Prisma.Sql | null): Prisma.Sql {
  return select === null ? Prisma.sql`NULL` : Prisma.sql`(SELECT json_agg(t)::text FROM (${select}) t)`;
}

function mapOf<Row, Entry, Key = string>(
  json: string | null,
  key: (row: Row) => Key,
  entryOf: (row: Row) => Entry,
): Map<Key, Entry> {
  const found = new Map<Key, Entry>();
  if (json !== null) for (const row of JSON.parse(json) as Row[]) found.set(key(row), entryOf(row));
  return found;
}

interface PositionRow {
  partition: number;
  position: number;
  receiptPeriod: number;
}

function findPositions(leases: readonly BatchLease[]): Prisma.Sql {
  return Prisma.sql`
    SELECT p.partition, p.position, p.receipt_period AS "receiptPeriod"
    FROM unnest(${column(leases, ({ partition }) => partition)}::int4[], ${column(leases, ({ epoch }) => epoch)}::int8[])
      AS k(partition, epoch)
    JOIN partitions p ON p.partition = k.partition AND p.epoch = k.epoch`;
}

function findReceipts({ receipts: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    SELECT r.key::text AS key, ${RECEIPT_COLUMNS}
    FROM receipts r WHERE r.key = ANY (${column(keys, storedReceiptKey)}::uuid[])`;
}

/** By requested key, since the rows have no command ids. Two commands whose keys collide both get the row. */
function receiptsOf(json: string | null, keys: readonly ReceiptKey[]): Map<string, StoredReceipt> {
  const found = new Map<string, StoredReceipt>();
  if (json === null) return found;
  const rows = new Map((JSON.parse(json) as (ReceiptRow & { key: string })[]).map((row) => [row.key, row]));
  for (const key of keys) {
    const row = rows.get(storedReceiptKey(key));
    if (row !== undefined) found.set(receiptKey(key), toStoredReceipt(key, row));
  }
  return found;
}

function findChats({ chats: ids }: SnapshotKeys): Prisma.Sql | null {
  if (ids.length === 0) return null;
  return Prisma.sql`
    SELECT ${CHAT_COLUMNS} FROM unnest(${column(ids, (id) => id)}::uuid[]) AS k(chat_id)
    CROSS JOIN LATERAL (SELECT * FROM chats c WHERE c.chat_id = k.chat_id OFFSET 0) c`;
}

function findMembers({ members: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    SELECT ${MEMBER_COLUMNS}
    FROM unnest(${column(keys, (key) => key.chatId)}::uuid[], ${column(keys, (key) => key.userId)}::text[]) AS k(chat_id, user_id)
    CROSS JOIN LATERAL (SELECT * FROM members m WHERE m.chat_id = k.chat_id AND m.user_id = k.user_id OFFSET 0) m`;
}

function findUsers({ users: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    SELECT ${USER_COLUMNS}
    FROM unnest(${column(keys, (key) => key.tenantId)}::text[], ${column(keys, (key) => key.userId)}::text[]) AS k(tenant_id, user_id)
    CROSS JOIN LATERAL (SELECT * FROM users u WHERE u.tenant_id = k.tenant_id AND u.user_id = k.user_id OFFSET 0) u`;
}

type ReferenceRow = Omit<MessageReference, 'createdAt' | 'deletedAt'> & { createdAt: number; deletedAt: number | null };

function toReference(row: ReferenceRow): MessageReference {
  return { ...row, createdAt: new Date(row.createdAt), deletedAt: toDate(row.deletedAt) };
}

function findMessages({ messages: ids }: SnapshotKeys): Prisma.Sql | null {
  if (ids.length === 0) return null;
  return Prisma.sql`
    SELECT g.message_id::text AS "messageId", g.chat_id::text AS "chatId", g.sequence::float8 AS sequence,
      g.sender_id AS "senderId", g.thread_root_id::text AS "threadRootId",
      (extract(epoch FROM g.created_at) * 1000)::float8 AS "createdAt",
      (extract(epoch FROM g.deleted_at) * 1000)::float8 AS "deletedAt"
    FROM unnest(${column(ids, (id) => id)}::uuid[]) AS k(message_id)
    CROSS JOIN LATERAL (SELECT * FROM messages g WHERE g.message_id = k.message_id OFFSET 0) g`;
}

function findMessagesInFull({ messagesInFull: ids }: SnapshotKeys): Prisma.Sql | null {
  if (ids.length === 0) return null;
  return Prisma.sql`
    SELECT ${MESSAGE_COLUMNS} FROM unnest(${column(ids, (id) => id)}::uuid[]) AS k(message_id)
    CROSS JOIN LATERAL (SELECT * FROM messages g WHERE g.message_id = k.message_id OFFSET 0) g`;
}

interface EmojiRow {
  messageId: string;
  emoji: number;
}

interface ReactionRow extends Reaction {
  present: boolean;
  count: number;
}

/** A row for each key, with the number of users who reacted with that emoji. */
function findReactions({ reactions: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    SELECT k.message_id::text AS "messageId", k.emoji, k.user_id AS "userId",
      (SELECT TRUE FROM reactions r WHERE r.message_id = k.message_id AND r.user_id = k.user_id AND r.emoji = k.emoji) IS NOT NULL AS present,
      COALESCE((SELECT n.count FROM reaction_counts n WHERE n.message_id = k.message_id AND n.emoji = k.emoji), 0) AS count
    FROM unnest(${column(keys, (key) => key.messageId)}::uuid[], ${column(keys, (key) => key.emoji)}::text[],
      ${column(keys, (key) => key.userId)}::text[]) AS k(message_id, emoji, user_id)`;
}

/** Counts up to one more than allowed, because an imported message can have more. */
function countEmojiOfMessages({ reactions: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  const messageIds = [...new Set(keys.map(({ messageId }) => messageId))];
  return Prisma.sql`
    SELECT k.message_id::text AS "messageId", (SELECT count(*) FROM (SELECT 1 FROM reaction_counts n
      WHERE n.message_id = k.message_id LIMIT ${EMOJI_PER_MESSAGE_MAX + 1}::int8) n)::int4 AS emoji
    FROM unnest(${column(messageIds, (id) => id)}::uuid[]) AS k(message_id)`;
}

function countEmojiOfReactors({ reactors: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    SELECT k.message_id::text AS "messageId", k.user_id AS "userId", (SELECT count(*) FROM (SELECT 1 FROM reactions r
      WHERE r.message_id = k.message_id AND r.user_id = k.user_id LIMIT ${EMOJI_PER_USER_AND_MESSAGE_MAX + 1}::int8) r)::int4 AS emoji
    FROM unnest(${column(keys, (key) => key.messageId)}::uuid[], ${column(keys, (key) => key.userId)}::text[])
      AS k(message_id, user_id)`;
}

function findUserChats({ userChats: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    SELECT u.tenant_id AS "tenantId", u.user_id AS "userId", u.created, u.joined
    FROM unnest(${column(keys, (key) => key.tenantId)}::text[], ${column(keys, (key) => key.userId)}::text[]) AS k(tenant_id, user_id)
    CROSS JOIN LATERAL (SELECT * FROM user_chats u WHERE u.tenant_id = k.tenant_id AND u.user_id = k.user_id OFFSET 0) u`;
}

interface FormerMuteRow {
  chatId: string;
  userId: string;
  /** In milliseconds since 1970. */
  mutedUntil: number;
}

function findFormerMutes({ formerMutes: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    SELECT d.chat_id::text AS "chatId", d.user_id AS "userId", ${Prisma.raw(milliseconds('d.muted_until', 'mutedUntil'))}
    FROM unnest(${column(keys, (key) => key.tenantId)}::text[], ${column(keys, (key) => key.userId)}::text[],
      ${column(keys, (key) => key.chatId)}::uuid[]) AS k(tenant_id, user_id, chat_id)
    CROSS JOIN LATERAL (SELECT * FROM departures d WHERE d.tenant_id = k.tenant_id AND d.user_id = k.user_id
      AND d.chat_id = k.chat_id AND d.muted_until IS NOT NULL OFFSET 0) d`;
}

function findWebhooks({ webhookTenants: ids }: SnapshotKeys): Prisma.Sql | null {
  if (ids.length === 0) return null;
  return Prisma.sql`
    SELECT ${WEBHOOK_COLUMNS} FROM unnest(${column(ids, (id) => id)}::text[]) AS k(tenant_id)
    CROSS JOIN LATERAL (SELECT * FROM webhooks w WHERE w.tenant_id = k.tenant_id OFFSET 0) w`;
}

interface OrdinalRow {
  chatId: string;
  upTo: number;
  ordinal: number;
}

function findOrdinals({ readMarks: keys }: SnapshotKeys): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    SELECT k.chat_id::text AS "chatId", k.up_to::float8 AS "upTo", GREATEST(
      (SELECT ordinal FROM messages g WHERE g.chat_id = k.chat_id AND g.sequence <= k.up_to ORDER BY g.sequence DESC LIMIT 1),
      (SELECT ordinal FROM removed_messages d WHERE d.chat_id = k.chat_id AND d.sequence <= k.up_to ORDER BY d.sequence DESC LIMIT 1),
      0)::float8 AS ordinal
    FROM unnest(${column(keys, (key) => key.chatId)}::uuid[], ${column(keys, (key) => key.upTo)}::int8[]) AS k(chat_id, up_to)`;
}
