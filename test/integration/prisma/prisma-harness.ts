/** The Prisma store on its own database. */
import pg from 'pg';
import { PrismaCommandStore } from '../../../src/adapters/stores/prisma/commands/prisma-command-store.js';
import type { PrismaClient } from '../../../src/adapters/stores/prisma/generated/client.js';
import { PrismaDecisionLog } from '../../../src/adapters/stores/prisma/log/prisma-decision-log.js';
import { PrismaEventCursors } from '../../../src/adapters/stores/prisma/log/prisma-event-cursors.js';
import { PrismaEventLog } from '../../../src/adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaFollowedLog } from '../../../src/adapters/stores/prisma/log/prisma-followed-log.js';
import { PrismaSyncLog } from '../../../src/adapters/stores/prisma/log/prisma-sync-log.js';
import { PrismaApiKeys } from '../../../src/adapters/stores/prisma/prisma-api-keys.js';
import { openDatabase } from '../../../src/adapters/stores/prisma/prisma-database.js';
import { PrismaLiveReaders } from '../../../src/adapters/stores/prisma/prisma-live-readers.js';
import { PrismaPartitionRegistry } from '../../../src/adapters/stores/prisma/prisma-partition-registry.js';
import { PrismaTokenRevocations } from '../../../src/adapters/stores/prisma/prisma-token-revocations.js';
import { PrismaTransportState } from '../../../src/adapters/stores/prisma/prisma-transport-state.js';
import { PrismaChatHistory } from '../../../src/adapters/stores/prisma/queries/prisma-chat-history.js';
import { PrismaChatQueries } from '../../../src/adapters/stores/prisma/queries/prisma-chat-queries.js';
import { PrismaMessageSearch } from '../../../src/adapters/stores/prisma/search/prisma-message-search.js';
import type { MessageSearch } from '../../../src/application/ports/queries/message-search.js';
import type { StoredRows, StoreHarness } from '../../conformance/store/store-conformance.js';
import { freshDatabase } from '../../support/services/services.js';
import { indexMessages } from './index-messages.js';

export const POOL_SIZE = 8;

export interface PrismaHarness extends StoreHarness {
  search: MessageSearch;
  settleSearch(): Promise<void>;
  database: PrismaClient;
  url: string;
}

/** For tests in which a batch waits for a lock until it is let go. */
export const WAITS_FOR_LOCKS = { lock_timeout: '60000' };

/** `query` is put behind its URL. */
export async function openPrismaStore(query: Record<string, string> = {}): Promise<PrismaHarness> {
  const url = await freshDatabase();
  // A time zone far from UTC, and with half an hour in it: stored times must not depend on it.
  await withConnection(url, (sql) => sql.query(`ALTER DATABASE "${sql.database}" SET timezone TO 'Asia/Kolkata'`));
  return prismaStore(url, query);
}

/** A store on a database that is there; `query` is put behind its URL. */
export function prismaStore(url: string, query: Record<string, string> = {}, silenceTimeoutMs?: number): PrismaHarness {
  const withQuery = new URL(url);
  for (const [name, value] of Object.entries(query)) withQuery.searchParams.set(name, value);
  const options = {
    url: withQuery.href,
    poolSize: POOL_SIZE,
    ...(silenceTimeoutMs === undefined ? {} : { silenceTimeoutMs }),
  };
  const database = openDatabase(options);
  const forBatches = openDatabase({ ...options, forBatches: true });
  return {
    database,
    url,
    commands: new PrismaCommandStore(forBatches),
    registry: new PrismaPartitionRegistry(database),
    liveReaders: new PrismaLiveReaders(database),
    tokenRevocations: new PrismaTokenRevocations(database),
    apiKeys: new PrismaApiKeys(database),
    transportState: new PrismaTransportState(database),
    log: new PrismaEventLog(database),
    queries: new PrismaChatQueries(database),
    rows: rowsOf(url),
    history: new PrismaChatHistory(database),
    search: new PrismaMessageSearch(database),
    settleSearch: () => indexMessages(database),
    sync: new PrismaSyncLog(database),
    decisions: new PrismaDecisionLog(database),
    cursors: new PrismaEventCursors(database),
    followed: new PrismaFollowedLog(database),
    another: async () => prismaStore(url, query, silenceTimeoutMs),
    close: async () => void (await Promise.all([database.$disconnect(), forBatches.$disconnect()])),
  };
}

/** Read by another driver than the tested one. */
function rowsOf(url: string): StoredRows {
  const select = <T>(query: string, ...values: unknown[]) =>
    withConnection(url, async (sql) => (await sql.query(query, values)).rows as T[]);
  return {
    revisions: (messageId) =>
      select(
        `SELECT message_id AS "messageId", revision, body, coalesce(mentions, '[]') AS mentions,
           coalesce(metadata, '{}') AS metadata, actor_id AS "actorId", at
         FROM message_revisions WHERE message_id = $1 ORDER BY revision`,
        messageId,
      ),
    stubs: (chatId) =>
      select(
        `SELECT chat_id AS "chatId", sequence::float8 AS sequence, message_id AS "messageId", tenant_id AS "tenantId",
           ordinal::float8 AS ordinal, sender_id AS "senderId", created_at AS "createdAt"
         FROM removed_messages d WHERE chat_id = $1 ORDER BY d.sequence`,
        chatId,
      ),
    reactionCounts: async (messageId) => {
      const rows = await select<{ emoji: string; count: number }>(
        'SELECT emoji, count FROM reaction_counts WHERE message_id = $1 ORDER BY emoji',
        messageId,
      );
      return rows.map(({ emoji, count }) => [emoji, count]);
    },
    replies: async (rootId) =>
      (await select<{ replies: number }>('SELECT replies FROM threads WHERE root_id = $1', rootId))[0]?.replies ?? 0,
    departure: async ({ tenantId, userId, chatId }) => {
      const [row] = await select<{ partition: number; position: number }>(
        `SELECT partition, position::float8 AS position FROM departures
         WHERE tenant_id = $1 AND user_id = $2 AND chat_id = $3`,
        ...[tenantId, userId, chatId],
      );
      return row ?? null;
    },
  };
}

/** A connection beside the store's, as another worker's or an administrator's would be. */
export async function withConnection<T>(url: string, use: (sql: pg.Client) => Promise<T>): Promise<T> {
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}

const WAIT_TIMEOUT_MS = 10_000;

/** Waits until this many connections of the store wait for a lock. */
export async function lockWaiters(sql: pg.Client, count: number): Promise<void> {
  const deadline = Date.now() + WAIT_TIMEOUT_MS;
  for (;;) {
    // Within a transaction the server would repeat its first snapshot.
    await sql.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await sql.query(
      `SELECT count(*)::int4 AS waiting FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'parley' AND wait_event_type = 'Lock'`,
    );
    if (rows[0]?.waiting === count) return;
    if (Date.now() > deadline) throw new Error(`${rows[0]?.waiting} connections wait for a lock, not ${count}`);
  }
}
