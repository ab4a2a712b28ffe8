/**
 * Rows that belong to one partition and that only its owner writes. Each function returns one part of the statement of
 * `writeBatch`, or null if there is nothing to write.
 */
import {
  type BatchLease,
  type BatchRequest,
  type BatchWrites,
  positionsAfter,
} from '../../../../application/ports/store/command-store.js';
import type { Chat } from '../../../../domain/chat.js';
import { column, time } from '../columns.js';
import { Prisma } from '../generated/client.js';
import { toPayload } from '../log/event-rows.js';
import type { ReadBatch } from './read-snapshot.js';

export function updateChats(rows: Chat[]): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    UPDATE chats c SET partition = w.partition, title = w.title, metadata = w.metadata::json, archived_at = w.archived_at,
      archive_sequence = w.archive_sequence, last_sequence = w.last_sequence, last_ordinal = w.last_ordinal, member_count = w.member_count,
      owner_count = w.owner_count, last_activity_at = w.last_activity_at,
      history_visibility = w.history_visibility, history_sequence = w.history_sequence, last_position = w.last_position
    FROM unnest(${column(rows, (row) => row.chatId)}::uuid[], ${column(rows, (row) => row.partition)}::int4[],
      ${column(rows, (row) => row.title)}::text[], ${column(rows, (row) => JSON.stringify(row.metadata))}::text[],
      ${column(rows, (row) => time(row.archivedAt))}::timestamptz[], ${column(rows, (row) => row.archiveSequence)}::int8[],
      ${column(rows, (row) => row.lastSequence)}::int8[],
      ${column(rows, (row) => row.lastOrdinal)}::int8[], ${column(rows, (row) => row.memberCount)}::int4[],
      ${column(rows, (row) => row.ownerCount)}::int4[], ${column(rows, (row) => time(row.lastActivityAt))}::timestamptz[],
      ${column(rows, (row) => row.historyVisibility)}::text[], ${column(rows, (row) => row.historySequence)}::int8[],
      ${column(rows, (row) => row.lastPosition)}::int8[])
      AS w(chat_id, partition, title, metadata, archived_at, archive_sequence, last_sequence, last_ordinal, member_count, owner_count,
        last_activity_at, history_visibility, history_sequence, last_position)
    WHERE c.chat_id = w.chat_id RETURNING 1`;
}

export function putMembers({ membersPut: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO members (chat_id, user_id, tenant_id, role, muted_until, joined_at, joined_sequence, role_sequence,
      read_sequence, read_ordinal, delivered_sequence, read_position, hidden_ordinal)
    SELECT * FROM unnest(${column(rows, (row) => row.chatId)}::uuid[], ${column(rows, (row) => row.userId)}::text[],
      ${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.role)}::text[],
      ${column(rows, (row) => time(row.mutedUntil))}::timestamptz[], ${column(rows, (row) => time(row.joinedAt))}::timestamptz[],
      ${column(rows, (row) => row.joinedSequence)}::int8[], ${column(rows, (row) => row.roleSequence)}::int8[],
      ${column(rows, (row) => row.readSequence)}::int8[], ${column(rows, (row) => row.readOrdinal)}::int8[],
      ${column(rows, (row) => row.deliveredSequence)}::int8[], ${column(rows, (row) => row.readPosition)}::int8[],
      ${column(rows, (row) => row.hiddenOrdinal)}::int8[])
    ON CONFLICT (chat_id, user_id) DO UPDATE SET role = EXCLUDED.role, muted_until = EXCLUDED.muted_until,
      joined_at = EXCLUDED.joined_at, joined_sequence = EXCLUDED.joined_sequence, role_sequence = EXCLUDED.role_sequence,
      read_sequence = EXCLUDED.read_sequence, read_ordinal = EXCLUDED.read_ordinal,
      delivered_sequence = EXCLUDED.delivered_sequence, read_position = EXCLUDED.read_position, hidden_ordinal = EXCLUDED.hidden_ordinal`;
}

export function removeMembers({ membersRemoved: keys }: BatchWrites): Prisma.Sql | null {
  if (keys.length === 0) return null;
  return Prisma.sql`
    DELETE FROM members m
    USING unnest(${column(keys, (key) => key.chatId)}::uuid[], ${column(keys, (key) => key.userId)}::text[]) AS k(chat_id, user_id)
    WHERE m.chat_id = k.chat_id AND m.user_id = k.user_id`;
}

export function putDepartures({ membersRemoved: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO departures (tenant_id, user_id, chat_id, partition, position, muted_until)
    SELECT * FROM unnest(${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.userId)}::text[],
      ${column(rows, (row) => row.chatId)}::uuid[], ${column(rows, (row) => row.partition)}::int4[],
      ${column(rows, (row) => row.position)}::int8[], ${column(rows, (row) => time(row.mutedUntil))}::timestamptz[])
    ON CONFLICT (tenant_id, user_id, chat_id) DO UPDATE SET partition = EXCLUDED.partition, position = EXCLUDED.position,
      muted_until = EXCLUDED.muted_until`;
}

export function putFormerMemberships({ membershipStatesEnded: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO former_memberships (tenant_id, user_id, chat_id, state, until)
    SELECT * FROM unnest(${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.userId)}::text[],
      ${column(rows, (row) => row.chatId)}::uuid[], ${column(rows, (row) => row.state)}::text[],
      ${column(rows, (row) => row.until)}::int8[])
    ON CONFLICT (tenant_id, user_id, chat_id, state) DO UPDATE SET until = EXCLUDED.until`;
}

export function insertEvents({ events: rows }: BatchWrites): Prisma.Sql | null {
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload,
      traceparent, tracestate)
    SELECT partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload::json,
      traceparent, tracestate
    FROM unnest(${column(rows, (row) => row.partition)}::int4[], ${column(rows, (row) => row.position)}::int8[],
      ${column(rows, (row) => row.event.type)}::text[],
      ${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.chatId)}::uuid[],
      ${column(rows, (row) => row.sequence)}::int8[], ${column(rows, (row) => row.actorId)}::text[],
      ${column(rows, (row) => row.commandId)}::text[], ${column(rows, (row) => time(row.at))}::timestamptz[],
      ${column(rows, (row) => toPayload(row.event))}::text[], ${column(rows, (row) => row.traceparent)}::text[],
      ${column(rows, (row) => row.tracestate)}::text[])
      AS w(partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload, traceparent,
        tracestate)`;
}

/**
 * Returns a row for each partition whose lease, position and period of receipts are as they were read. Rows are locked
 * in the order of their partitions, so that two batches, or a batch and an acquisition of leases, wait for each other
 * but never deadlock: an UPDATE alone locks rows in the order in which its plan finds them.
 */
export function movePartitions(
  { leases }: BatchRequest,
  { snapshot, receiptPeriod }: ReadBatch,
  writes: BatchWrites,
): Prisma.Sql {
  const after = positionsAfter(snapshot, writes.events);
  const read = ({ partition }: BatchLease) => snapshot.positions.get(partition) ?? null;
  return Prisma.sql`
    UPDATE partitions p SET position = l.moved_to, published_through = GREATEST(p.published_through, l.published_through)
    FROM (SELECT p.partition, w.moved_to, w.published_through
      FROM unnest(${column(leases, ({ partition }) => partition)}::int4[], ${column(leases, ({ epoch }) => epoch)}::int8[],
        ${column(leases, read)}::int8[], ${column(leases, ({ partition }) => after.get(partition) ?? null)}::int8[],
        ${column(leases, (lease) => lease.publishedThrough)}::int8[])
        AS w(partition, epoch, position, moved_to, published_through)
      JOIN partitions p ON p.partition = w.partition AND p.epoch = w.epoch AND p.position = w.position
        AND p.receipt_period = ${receiptPeriod}::int4
      ORDER BY p.partition FOR NO KEY UPDATE OF p) l
    WHERE p.partition = l.partition RETURNING 1`;
}
