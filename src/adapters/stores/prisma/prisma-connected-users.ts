import type { ConnectedUsers, ConnectionChanges, OfflineRecipient } from '../../../application/ports/store/webhooks.js';
import { column } from './columns.js';
import { Prisma, type PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/**
 * Every method rejects with a `StoreError`.
 *
 * Raw: the server's clock, and sets of rows.
 */
export class PrismaConnectedUsers implements ConnectedUsers {
  constructor(private readonly database: PrismaClient) {}

  async isNeeded(): Promise<boolean> {
    const found = await this.database.webhook
      .findFirst({ select: { number: true }, where: { offlineOnly: true, isEnabled: true } })
      .catch(rethrow);
    return found !== null;
  }

  /** Gateways that died without a word are forgotten by the others. */
  async record(gatewayId: string, changes: ConnectionChanges, leaseMs: number): Promise<void> {
    const { isComplete, connected, disconnected } = changes;
    const keys = (
      users: ConnectionChanges['connected'],
    ) => Prisma.sql`unnest(${column(users, (user) => user.tenantId)}::text[],
      ${column(users, (user) => user.userId)}::text[]) AS k(tenant_id, user_id)`;
    const gone = isComplete
      ? Prisma.sql`DELETE FROM connected_users c WHERE c.gateway_id = ${gatewayId} AND NOT EXISTS (
          SELECT FROM ${keys(connected)} WHERE k.tenant_id = c.tenant_id AND k.user_id = c.user_id)`
      : Prisma.sql`DELETE FROM connected_users c USING ${keys(disconnected)}
          WHERE c.gateway_id = ${gatewayId} AND k.tenant_id = c.tenant_id AND k.user_id = c.user_id`;
    await this.database.$executeRaw`
      WITH alive AS (
        INSERT INTO gateways (gateway_id, alive_until)
        VALUES (${gatewayId}, now() + ${leaseMs}::float8 * interval '1 millisecond')
        ON CONFLICT (gateway_id) DO UPDATE SET alive_until = EXCLUDED.alive_until),
      dead AS (
        DELETE FROM gateways WHERE gateway_id IN (
          SELECT gateway_id FROM gateways WHERE gateway_id <> ${gatewayId} AND alive_until < now() - interval '1 minute'
          FOR UPDATE SKIP LOCKED) RETURNING gateway_id),
      forgotten AS (DELETE FROM connected_users c USING dead d WHERE c.gateway_id = d.gateway_id),
      gone AS (${gone})
      INSERT INTO connected_users (tenant_id, user_id, gateway_id)
      SELECT k.tenant_id, k.user_id, ${gatewayId} FROM ${keys(connected)} ON CONFLICT DO NOTHING`.catch(rethrow);
  }

  async withdraw(gatewayId: string): Promise<void> {
    await this.database.$executeRaw`
      WITH gone AS (DELETE FROM connected_users WHERE gateway_id = ${gatewayId})
      DELETE FROM gateways WHERE gateway_id = ${gatewayId}`.catch(rethrow);
  }

  async offlineAmong(tenantId: string, chatId: string, userIds: readonly string[]): Promise<OfflineRecipient[]> {
    return await this.database.$queryRaw<OfflineRecipient[]>`
      SELECT k.user_id AS "userId",
        COALESCE((SELECT c.last_ordinal - m.read_ordinal FROM chats c JOIN members m ON m.chat_id = c.chat_id
          WHERE c.chat_id = ${chatId}::uuid AND m.user_id = k.user_id), 0)::float8 AS "unreadCount"
      FROM unnest(${column(userIds, (id) => id)}::text[]) WITH ORDINALITY AS k(user_id, number)
      WHERE NOT EXISTS (
        SELECT FROM connected_users u JOIN gateways g ON g.gateway_id = u.gateway_id
        WHERE u.tenant_id = ${tenantId} AND u.user_id = k.user_id AND g.alive_until > now())
      ORDER BY k.number`.catch(rethrow);
  }
}
