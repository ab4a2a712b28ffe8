import { withConnection } from '../prisma-harness.js';

/**
 * What an archive brings from one store to another: of each table the columns that are not about this store's own log.
 */
const CARRIED: Record<string, string> = {
  users: 'SELECT * FROM users ORDER BY tenant_id, user_id',
  chats: `SELECT chat_id, tenant_id, kind, title, metadata, created_by, created_at, archived_at, last_sequence, last_ordinal, member_count,
    owner_count, last_activity_at, history_visibility, history_sequence FROM chats ORDER BY chat_id`,
  members: `SELECT chat_id, user_id, tenant_id, role, muted_until, joined_at, joined_sequence, read_sequence, read_ordinal,
    delivered_sequence, hidden_ordinal
    FROM members ORDER BY chat_id, user_id`,
  messages: 'SELECT * FROM messages ORDER BY chat_id, sequence',
  message_revisions: 'SELECT * FROM message_revisions ORDER BY message_id, revision',
  removed_messages: 'SELECT * FROM removed_messages ORDER BY chat_id, sequence',
  reactions: 'SELECT * FROM reactions ORDER BY message_id, emoji, user_id',
  reaction_counts: 'SELECT * FROM reaction_counts WHERE count > 0 ORDER BY message_id, emoji',
  threads: 'SELECT * FROM threads WHERE replies > 0 ORDER BY root_id',
  chat_events: `SELECT type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload FROM chat_events
    WHERE sequence IS NOT NULL ORDER BY chat_id, sequence`,
};

/** Of each table its rows as text: JSON columns come out as they are stored, to the byte. */
export async function carriedRows(url: string): Promise<Record<string, string[]>> {
  return withConnection(url, async (sql) => {
    await sql.query("SET timezone TO 'UTC'");
    const tables: Record<string, string[]> = {};
    for (const [table, select] of Object.entries(CARRIED)) {
      const { rows } = await sql.query<{ line: string }>(`SELECT row_to_json(t)::text AS line FROM (${select}) t`);
      tables[table] = rows.map(({ line }) => line);
    }
    return tables;
  });
}

/**
 * Of each table how many rows there are, and a sum over them: for stores that are too large to be looked at row by row.
 */
export async function carriedSums(url: string): Promise<Record<string, string>> {
  return withConnection(url, async (sql) => {
    await sql.query("SET timezone TO 'UTC'");
    const tables: Record<string, string> = {};
    for (const [table, select] of Object.entries(CARRIED)) {
      const { rows } = await sql.query<{ sum: string }>(
        `SELECT count(*) || ' rows ' || coalesce(sum(hashtextextended(row_to_json(t)::text, 0)), 0) AS sum FROM (${select}) t`,
      );
      tables[table] = rows[0]?.sum ?? '';
    }
    return tables;
  });
}

/** Everything that an import may touch, this store's own log included. */
export async function everything(url: string): Promise<string[]> {
  return withConnection(url, async (sql) => {
    const found: string[] = [];
    for (const table of [
      ...Object.keys(CARRIED),
      'store',
      'partitions',
      'receipts',
      'departures',
      'former_memberships',
    ]) {
      const { rows } = await sql.query<{ line: string }>(`SELECT t::text AS line FROM ${table} t ORDER BY 1`);
      found.push(...rows.map(({ line }) => `${table} ${line}`));
    }
    return found;
  });
}
