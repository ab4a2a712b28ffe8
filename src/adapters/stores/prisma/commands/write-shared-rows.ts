/**
 * Rows that several partitions write: profiles, chat ids, chat counts of users, receipts. Each function returns one
 * part of the statement of `writeBatch`, or null if there is nothing to write. Each list is written in key order, so
 * that batches can wait for each other but never deadlock. A row that was changed meanwhile is missing in the result.
 *
 * Raw: rows as arrays, locked in key order.
 */
import {
  type BatchWrites,
  StoreError,
  type UserWrite,
  userKey,
} from '../../../../application/ports/store/command-store.js';
import { nameKey } from '../../../../domain/user.js';
import { column, time } from '../columns.js';
import { Prisma } from '../generated/client.js';
import { storedReceiptKey } from '../receipts/receipt-key.js';
import { receiptSlot } from '../receipts/receipt-periods.js';
import { toReceiptRow } from '../receipts/receipt-rows.js';

const byUser = ({ user }: UserWrite) => userKey(user);

/** Returns a row for each user who had no profile yet. */
export function insertUsers({ users }: BatchWrites): Prisma.Sql | null {
  const rows = inKeyOrder(users.filter(isNew), byUser).map(({ user }) => user);
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO users (tenant_id, user_id, display_name, name_key, avatar_url, kind, metadata, presence, claims, revision,
      created_at, updated_at)
    SELECT tenant_id, user_id, display_name, name_key, avatar_url, kind, metadata::json, presence, claims::json, revision, created_at, updated_at
    FROM unnest(${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.userId)}::text[],
      ${column(rows, (row) => row.displayName)}::text[], ${column(rows, (row) => nameKey(row.displayName))}::text[],
      ${column(rows, (row) => row.avatarUrl)}::text[], ${column(rows, (row) => row.kind)}::text[],
      ${column(rows, (row) => JSON.stringify(row.metadata))}::text[], ${column(rows, (row) => row.presence)}::text[],
      ${column(rows, (row) => JSON.stringify(row.claims))}::text[],
      ${column(rows, (row) => row.revision)}::int4[], ${column(rows, (row) => time(row.createdAt))}::timestamptz[],
      ${column(rows, (row) => time(row.updatedAt))}::timestamptz[])
      AS w(tenant_id, user_id, display_name, name_key, avatar_url, kind, metadata, presence, claims, revision, created_at, updated_at)
    ON CONFLICT DO NOTHING RETURNING 1`;
}

/**
 * Returns a row for each profile that has the revision that was read. Rows are locked in key order first, because an
 * UPDATE locks them in the order in which its plan finds them.
 */
export function updateUsers({ users }: BatchWrites): Prisma.Sql | null {
  const changed = inKeyOrder(
    users.filter((write) => !isNew(write)),
    byUser,
  );
  const rows = changed.map(({ user }) => user);
  if (rows.length === 0) return null;
  return Prisma.sql`
    UPDATE users u SET display_name = l.display_name, name_key = l.name_key, avatar_url = l.avatar_url, kind = l.kind,
      metadata = l.metadata, presence = l.presence, claims = l.claims, revision = l.revision, updated_at = l.updated_at
    FROM (SELECT w.tenant_id, w.user_id, w.display_name, w.name_key, w.avatar_url, w.kind, w.metadata::json AS metadata, w.presence,
        w.claims::json AS claims, w.revision, w.updated_at
      FROM unnest(${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.userId)}::text[],
        ${column(rows, (row) => row.displayName)}::text[], ${column(rows, (row) => nameKey(row.displayName))}::text[],
        ${column(rows, (row) => row.avatarUrl)}::text[], ${column(rows, (row) => row.kind)}::text[],
        ${column(rows, (row) => JSON.stringify(row.metadata))}::text[], ${column(rows, (row) => row.presence)}::text[],
        ${column(rows, (row) => JSON.stringify(row.claims))}::text[],
        ${column(rows, (row) => row.revision)}::int4[], ${column(changed, (row) => row.previousRevision)}::int4[],
        ${column(rows, (row) => time(row.updatedAt))}::timestamptz[])
        AS w(tenant_id, user_id, display_name, name_key, avatar_url, kind, metadata, presence, claims, revision, previous_revision,
          updated_at)
      JOIN users u ON u.tenant_id = w.tenant_id AND u.user_id = w.user_id AND u.revision = w.previous_revision
      ORDER BY u.tenant_id, u.user_id FOR UPDATE OF u) l
    WHERE u.tenant_id = l.tenant_id AND u.user_id = l.user_id RETURNING 1`;
}

function isNew({ previousRevision }: UserWrite): boolean {
  return previousRevision === 0;
}

/** Returns a row for each chat whose id was free. */
export function insertChats({ chatsCreated }: BatchWrites): Prisma.Sql | null {
  if (chatsCreated.length === 0) return null;
  const rows = inKeyOrder(chatsCreated, (chat) => chat.chatId);
  return Prisma.sql`
    INSERT INTO chats (chat_id, tenant_id, partition, kind, title, metadata, created_by, created_at, archived_at,
      archive_sequence, last_sequence, last_ordinal, member_count, owner_count, last_activity_at, history_visibility,
      history_sequence, last_position)
    SELECT chat_id, tenant_id, partition, kind, title, metadata::json, created_by, created_at, archived_at,
      archive_sequence, last_sequence, last_ordinal, member_count, owner_count, last_activity_at, history_visibility,
      history_sequence, last_position
    FROM unnest(${column(rows, (row) => row.chatId)}::uuid[], ${column(rows, (row) => row.tenantId)}::text[],
      ${column(rows, (row) => row.partition)}::int4[], ${column(rows, (row) => row.kind)}::text[],
      ${column(rows, (row) => row.title)}::text[], ${column(rows, (row) => JSON.stringify(row.metadata))}::text[],
      ${column(rows, (row) => row.createdBy)}::text[], ${column(rows, (row) => time(row.createdAt))}::timestamptz[],
      ${column(rows, (row) => time(row.archivedAt))}::timestamptz[], ${column(rows, (row) => row.archiveSequence)}::int8[],
      ${column(rows, (row) => row.lastSequence)}::int8[],
      ${column(rows, (row) => row.lastOrdinal)}::int8[], ${column(rows, (row) => row.memberCount)}::int4[],
      ${column(rows, (row) => row.ownerCount)}::int4[], ${column(rows, (row) => time(row.lastActivityAt))}::timestamptz[],
      ${column(rows, (row) => row.historyVisibility)}::text[], ${column(rows, (row) => row.historySequence)}::int8[],
      ${column(rows, (row) => row.lastPosition)}::int8[])
      AS w(chat_id, tenant_id, partition, kind, title, metadata, created_by, created_at, archived_at,
        archive_sequence, last_sequence, last_ordinal, member_count, owner_count, last_activity_at, history_visibility,
        history_sequence, last_position)
    ON CONFLICT DO NOTHING RETURNING 1`;
}

/**
 * Part of the statement that writes a batch. Adds to the current counts. A row that would exceed the limit is not
 * changed, and is missing in the result.
 */
export function countUserChats({ userChats: { changes, max } }: BatchWrites): Prisma.Sql | null {
  if (changes.length === 0) return null;
  const rows = inKeyOrder(changes, userKey);
  return Prisma.sql`
    INSERT INTO user_chats AS u (tenant_id, user_id, created, joined)
    SELECT * FROM unnest(${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.userId)}::text[],
      ${column(rows, (row) => row.created)}::int4[], ${column(rows, (row) => row.joined)}::int4[])
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET created = u.created + EXCLUDED.created, joined = u.joined + EXCLUDED.joined
    WHERE (EXCLUDED.created <= 0 OR u.created + EXCLUDED.created <= ${max}::int4)
      AND (EXCLUDED.joined <= 0 OR u.joined + EXCLUDED.joined <= ${max}::int4)
    RETURNING 1`;
}

/**
 * Part of the statement that writes a batch. In every batch these rows are the last of the shared ones. Throws a
 * `StoreError` (`refused`) if two commands have the same key: the batch would find one row too few each time. Decided
 * apart, the second of them is a repeat of the first.
 */
export function insertReceipts({ receipts }: BatchWrites, period: number): Prisma.Sql | null {
  if (receipts.length === 0) return null;
  const rows = inKeyOrder(
    receipts.map((record) => ({ key: storedReceiptKey(record), record, row: toReceiptRow(record) })),
    ({ key }) => key,
  );
  if (rows.some(({ key }, index) => key === rows[index + 1]?.key))
    throw new StoreError('refused', 'the receipts of two commands have the same key');
  return Prisma.sql`
    INSERT INTO receipts (slot, key, content_hash, chat_id, message_id, decision_id, sequence, at, tenant_id, actor_id, rest)
    SELECT ${receiptSlot(period)}::int2, w.*
    FROM unnest(${column(rows, ({ key }) => key)}::uuid[], ${column(rows, ({ row }) => row.contentHash)}::uuid[],
      ${column(rows, ({ row }) => row.chatId)}::uuid[], ${column(rows, ({ row }) => row.messageId)}::uuid[],
      ${column(rows, ({ row }) => row.decisionId)}::uuid[], ${column(rows, ({ row }) => row.sequence)}::int8[],
      ${column(rows, ({ record }) => time(record.at))}::timestamptz[],
      ${column(rows, ({ record }) => record.tenantId)}::text[], ${column(rows, ({ record }) => record.actorId)}::text[],
      ${column(rows, ({ row }) => row.rest)}::text[]) AS w
    ON CONFLICT DO NOTHING RETURNING 1`;
}

/** By code unit. Any order works if all writers use the same one. */
function inKeyOrder<T>(rows: T[], key: (row: T) => string): T[] {
  const keyed = rows.map((row) => ({ key: key(row), row }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ row }) => row);
}
