import type { RealtimeReads, UserMembership } from '../../../../application/ports/queries/realtime-reads.js';
import type { Cut } from '../../../../application/ports/queries/sync-log.js';
import type { UserKey } from '../../../../application/ports/store/command-store.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';

/**
 * Every method rejects with a `StoreError`.
 *
 * Raw: several tables from one snapshot, and keys as arrays.
 */
export class PrismaRealtimeReads implements RealtimeReads {
  constructor(private readonly database: PrismaClient) {}

  async cut(): Promise<{ storeId: string; cut: Cut }> {
    const rows = await this.database.$queryRaw<{ storeId: string; imports: number; position: number }[]>`
      SELECT s.store_id::text AS "storeId", s.imports, p.position::float8 AS position
      FROM store s JOIN partitions p ON true ORDER BY p.partition`.catch(rethrow);
    const [first] = rows;
    if (first === undefined) throw new Error('the store has no partitions');
    const { storeId, imports } = first;
    return { storeId, cut: { positions: rows.map(({ position }) => position), imports } };
  }

  async memberships(users: readonly UserKey[], chatId?: string): Promise<UserMembership[]> {
    const inChat = chatId === undefined ? Prisma.empty : Prisma.sql`AND m.chat_id = ${chatId}::uuid`;
    return this.database.$queryRaw<UserMembership[]>`
      SELECT m.tenant_id AS "tenantId", m.user_id AS "userId", c.chat_id::text AS "chatId", c.kind,
        c.history_visibility AS "historyVisibility", c.member_count AS "memberCount",
        c.last_sequence::float8 AS "lastSequence", m.joined_sequence::float8 AS "joinedSequence"
      FROM unnest(${column(users, ({ tenantId }) => tenantId)}::text[], ${column(users, ({ userId }) => userId)}::text[])
        AS k(tenant_id, user_id)
      JOIN members m ON m.tenant_id = k.tenant_id AND m.user_id = k.user_id ${inChat}
      JOIN chats c ON c.chat_id = m.chat_id AND c.partition IS DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4`.catch(
      rethrow,
    );
  }

  async acquaintances(
    { tenantId, userId }: UserKey,
    userIds: readonly string[],
    membersMax: number,
  ): Promise<string[]> {
    if (userIds.length === 0) return [];
    const rows = await this.database.$queryRaw<{ userId: string }[]>`
      SELECT k.user_id AS "userId" FROM unnest(${column(userIds, (id) => id)}::text[]) AS k(user_id)
      WHERE EXISTS (
        SELECT 1 FROM members own
        JOIN chats c ON c.chat_id = own.chat_id AND c.member_count <= ${membersMax}::int4
        JOIN members other ON other.chat_id = own.chat_id AND other.user_id = k.user_id
        WHERE own.tenant_id = ${tenantId} AND own.user_id = ${userId})
      AND NOT EXISTS (
        SELECT 1 FROM users u WHERE u.tenant_id = ${tenantId} AND u.user_id = k.user_id AND u.presence = 'hidden')`.catch(
      rethrow,
    );
    return rows.map(({ userId: id }) => id);
  }
}
