import pg from 'pg';
import type { Population } from './population.js';
import { COUNT_USER_CHATS } from './user-chats.js';

/** Chats per statement, which bounds the duration of a statement. */
const CHUNK = 5_000;

/**
 * Inserts the chats and their members as rows, without commands and events: the first message of a chat has number 1.
 * The chats have no partition (`chats.partition` is null, as after an import): Parley assigns each one where its first
 * command arrives.
 */
export async function loadPopulation(
  databaseUrl: string,
  population: Population,
  progress: (chats: number) => void,
): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query('SET synchronous_commit = off');
    for (let from = 0; from < population.chats; from += CHUNK) {
      const indexes = Array.from({ length: Math.min(CHUNK, population.chats - from) }, (_, index) => from + index);
      await client.query(
        `WITH given AS (
           SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int4[]) AS t (chat_id, first_member, size)),
         new_chats AS (
           INSERT INTO chats (chat_id, tenant_id, partition, kind, metadata, created_by, created_at, last_sequence, last_ordinal,
             member_count, owner_count, last_activity_at)
           SELECT chat_id, 'default', NULL, 'group', '{}', 'user-' || first_member, now(), 0, 0, size, 1, now() FROM given)
         INSERT INTO members (chat_id, user_id, tenant_id, role, joined_at, joined_sequence, read_sequence, read_ordinal)
         SELECT chat_id, 'user-' || (first_member + nth) % $4::int8, 'default', CASE nth WHEN 0 THEN 'owner' ELSE 'member' END,
           now(), 0, 0, 0
         FROM given, generate_series(0, size - 1) AS nth`,
        [
          indexes.map((index) => population.chatId(index)),
          indexes.map((index) => population.firstMember(index)),
          indexes.map((index) => population.size(index)),
          population.users,
        ],
      );
      progress(from + indexes.length);
    }
    await client.query(COUNT_USER_CHATS);
    await client.query('VACUUM ANALYZE chats, members, user_chats');
  } finally {
    await client.end();
  }
}
