/** What a batch needs to know, in at most one statement a table. Runs inside the batch's transaction, under its partition's row. */
import {
  type BatchRequest,
  type FactKeys,
  type Facts,
  memberKey,
  reactionKey,
  readMarkKey,
  receiptKey,
  userKey,
} from '../../application/ports/command-store.js';
import type { Receipt } from '../../contract/receipts.js';
import type { Message, MessageReference, Reaction } from '../../domain/message.js';
import { column } from './columns.js';
import type { Prisma } from './generated/client.js';
import {
  CHAT_COLUMNS,
  type ChatRow,
  MEMBER_COLUMNS,
  MESSAGE_COLUMNS,
  type MemberRow,
  type MessageRow,
  toChat,
  toDate,
  toMember,
  toMessage,
  toUser,
  USER_COLUMNS,
  type UserRow,
} from './rows.js';

type Transaction = Prisma.TransactionClient;

type LockedPartition = Pick<Facts, 'position' | 'ringUnsettled'>;

/**
 * Locks the partition's row if it is still owned under that epoch, and answers the last position in use; null: fenced out. A plain
 * read would not do: an old owner could commit after the new one has read the log.
 *
 * What follows in the transaction finds its rows by key: the planner is kept from scanning a table for the sake of a few hundred keys,
 * which is what it prefers while tables are small or its statistics are old, and what it would then remember.
 */
export async function lockPartition(
  tx: Transaction,
  { partition, epoch }: BatchRequest,
): Promise<LockedPartition | null> {
  const rows = await tx.$queryRaw<LockedPartition[]>`
    SELECT position::float8 AS position, ring_seen < (SELECT ring_generation FROM store) AS "ringUnsettled", set_config('enable_seqscan', 'off', true),
      set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)
    FROM partitions WHERE partition = ${partition} AND epoch = ${epoch} FOR UPDATE`;
  return rows[0] ?? null;
}

export async function readFacts(tx: Transaction, locked: LockedPartition, keys: FactKeys): Promise<Facts> {
  return {
    position: locked.position,
    ringUnsettled: locked.ringUnsettled,
    receipts: await readReceipts(tx, keys),
    chats: await readChats(tx, keys),
    members: await readMembers(tx, keys),
    users: await readUsers(tx, keys),
    messages: await readMessages(tx, keys),
    messagesInFull: await readMessagesInFull(tx, keys),
    reactions: await readReactions(tx, keys),
    ordinals: await readOrdinals(tx, keys),
  };
}

async function readReceipts(tx: Transaction, { receipts: keys }: FactKeys): Promise<Facts['receipts']> {
  if (keys.length === 0) return new Map();
  const rows = await tx.$queryRaw<
    { tenantId: string; actorId: string; commandId: string; contentHash: string; receipt: string }[]
  >`
    SELECT r.tenant_id AS "tenantId", r.actor_id AS "actorId", r.command_id AS "commandId",
      encode(r.content_hash, 'hex') AS "contentHash", r.receipt::text AS receipt
    FROM unnest(${column(keys, (key) => key.tenantId)}::text[], ${column(keys, (key) => key.actorId)}::text[],
      ${column(keys, (key) => key.commandId)}::text[]) AS k(tenant_id, actor_id, command_id)
    JOIN receipts r USING (tenant_id, actor_id, command_id)`;
  return new Map(
    rows.map((row) => [
      receiptKey(row),
      {
        contentHash: new Uint8Array(Buffer.from(row.contentHash, 'hex')),
        receipt: JSON.parse(row.receipt) as Receipt,
      },
    ]),
  );
}

async function readChats(tx: Transaction, { chats: ids }: FactKeys): Promise<Facts['chats']> {
  if (ids.length === 0) return new Map();
  const rows = await tx.$queryRaw<ChatRow[]>`
    SELECT ${CHAT_COLUMNS} FROM unnest(${column(ids, (id) => id)}::uuid[]) AS k(chat_id) JOIN chats c USING (chat_id)`;
  return new Map(rows.map((row) => [row.chatId, toChat(row)]));
}

async function readMembers(tx: Transaction, { members: keys }: FactKeys): Promise<Facts['members']> {
  if (keys.length === 0) return new Map();
  const rows = await tx.$queryRaw<MemberRow[]>`
    SELECT ${MEMBER_COLUMNS}
    FROM unnest(${column(keys, (key) => key.chatId)}::uuid[], ${column(keys, (key) => key.userId)}::text[]) AS k(chat_id, user_id)
    JOIN members m USING (chat_id, user_id)`;
  return new Map(rows.map((row) => [memberKey(row), toMember(row)]));
}

async function readUsers(tx: Transaction, { users: keys }: FactKeys): Promise<Facts['users']> {
  if (keys.length === 0) return new Map();
  const rows = await tx.$queryRaw<UserRow[]>`
    SELECT ${USER_COLUMNS}
    FROM unnest(${column(keys, (key) => key.tenantId)}::text[], ${column(keys, (key) => key.userId)}::text[]) AS k(tenant_id, user_id)
    JOIN users u USING (tenant_id, user_id)`;
  return new Map(rows.map((row) => [userKey(row), toUser(row)]));
}

async function readMessages(tx: Transaction, { messages: ids }: FactKeys): Promise<Facts['messages']> {
  if (ids.length === 0) return new Map();
  type Row = Omit<MessageReference, 'deletedAt'> & { deletedAt: number | null };
  const rows = await tx.$queryRaw<Row[]>`
    SELECT g.message_id::text AS "messageId", g.chat_id::text AS "chatId", g.sequence::float8 AS sequence,
      g.sender_id AS "senderId", (extract(epoch FROM g.deleted_at) * 1000)::float8 AS "deletedAt"
    FROM unnest(${column(ids, (id) => id)}::uuid[]) AS k(message_id) JOIN messages g USING (message_id)`;
  return new Map(rows.map((row) => [row.messageId, { ...row, deletedAt: toDate(row.deletedAt) }]));
}

async function readMessagesInFull(tx: Transaction, { messagesInFull: ids }: FactKeys): Promise<Map<string, Message>> {
  if (ids.length === 0) return new Map();
  const rows = await tx.$queryRaw<MessageRow[]>`
    SELECT ${MESSAGE_COLUMNS} FROM unnest(${column(ids, (id) => id)}::uuid[]) AS k(message_id) JOIN messages g USING (message_id)`;
  return new Map(rows.map((row) => [row.messageId, toMessage(row)]));
}

async function readReactions(tx: Transaction, { reactions: keys }: FactKeys): Promise<Facts['reactions']> {
  if (keys.length === 0) return new Set();
  const rows = await tx.$queryRaw<Reaction[]>`
    SELECT r.message_id::text AS "messageId", r.emoji, r.user_id AS "userId"
    FROM unnest(${column(keys, (key) => key.messageId)}::uuid[], ${column(keys, (key) => key.emoji)}::text[],
      ${column(keys, (key) => key.userId)}::text[]) AS k(message_id, emoji, user_id)
    JOIN reactions r USING (message_id, emoji, user_id)`;
  return new Set(rows.map(reactionKey));
}

async function readOrdinals(tx: Transaction, { readMarks: keys }: FactKeys): Promise<Facts['ordinals']> {
  if (keys.length === 0) return new Map();
  const rows = await tx.$queryRaw<{ chatId: string; upTo: number; ordinal: number }[]>`
    SELECT k.chat_id::text AS "chatId", k.up_to::float8 AS "upTo", GREATEST(
      (SELECT ordinal FROM messages g WHERE g.chat_id = k.chat_id AND g.sequence <= k.up_to ORDER BY g.sequence DESC LIMIT 1),
      (SELECT ordinal FROM removed_messages d WHERE d.chat_id = k.chat_id AND d.sequence <= k.up_to ORDER BY d.sequence DESC LIMIT 1),
      0)::float8 AS ordinal
    FROM unnest(${column(keys, (key) => key.chatId)}::uuid[], ${column(keys, (key) => key.upTo)}::int8[]) AS k(chat_id, up_to)`;
  return new Map(rows.map((row) => [readMarkKey(row), row.ordinal]));
}
