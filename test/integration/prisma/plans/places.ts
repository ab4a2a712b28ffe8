import type pg from 'pg';
import { HOT_CHAT, NEWCOMER, ROOM, SINCE_JOINED_CHAT, type WorldSize } from './loaded-world.js';
import { BATCH, type Places } from './queries.js';

/** Finds the chats and users of the loaded data. */
export async function findPlaces(sql: pg.Client, { chats, messages }: WorldSize): Promise<Places> {
  // Scattered, and of half of the remainders, for a hash can be negative: twice as many as are taken.
  const everyNth = Math.max(2, Math.floor(messages / (4 * BATCH)));
  const { rows } = await sql.query<Places>(`
    SELECT hot.chat_id AS hot, hot.last_sequence::float8 AS "hotEnd", since.chat_id AS "sinceJoined",
      (SELECT joined_sequence::float8 FROM members WHERE chat_id = since.chat_id AND user_id = '${NEWCOMER}') AS "sinceJoinedFrom",
      room.chat_id AS room, (SELECT message_id FROM messages WHERE chat_id = room.chat_id ORDER BY sequence LIMIT 1 OFFSET 20) AS "roomMessage",
      (SELECT message_id FROM messages WHERE chat_id = hot.chat_id ORDER BY sequence LIMIT 1) AS root,
      md5('chat ${chats}')::uuid AS small,
      (SELECT actor_id FROM chat_events WHERE command_id = 'command-1message.created') AS "firstActor",
      ARRAY(SELECT message_id::text FROM (SELECT message_id FROM messages WHERE hashtext(message_id::text) % ${everyNth} = 1 LIMIT ${BATCH}) m) AS "messageIds",
      (SELECT max(position)::float8 FROM chat_events WHERE partition = 1) AS "partitionEnd"
    FROM chats hot, chats since, chats room
    WHERE hot.chat_id = md5('chat ${HOT_CHAT}')::uuid AND since.chat_id = md5('chat ${SINCE_JOINED_CHAT}')::uuid AND room.chat_id = md5('chat ${ROOM}')::uuid`);
  if (rows[0]?.messageIds.length !== BATCH) throw new Error('the world has too few messages');
  return rows[0];
}

/** Up to this many pages are accepted: a few look-ups touch as many. Their rows are counted anyway. */
const SMALL_TABLE_PAGES = 30;

export async function findSmallTables(sql: pg.Client): Promise<string[]> {
  const { rows } = await sql.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relpages <= $1",
    [SMALL_TABLE_PAGES],
  );
  return rows.map(({ name }) => name);
}
