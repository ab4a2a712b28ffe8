/**
 * A store of any size, as it may look after half a year: a few chats have most of the messages, one user is in very
 * many chats, texts are of words of which some are everywhere and most are rare. Made by PostgreSQL itself, set by set,
 * in the order of time: a chat's messages lie scattered among all the others', as they do where many chats are written
 * to at once.
 */
import pg from 'pg';

const MINUTE_MS = 60_000;

export interface WorldSize {
  messages: number;
  chats: number;
  /** Of the hot chat, which has a fifth of all messages. */
  hotMembers: number;
  /** Replies in the hot chat's thread. */
  threadReplies: number;
}

export function worldSize(messages: number): WorldSize {
  return { messages, chats: Math.max(1_000, messages / 200), hotMembers: messages / 10, threadReplies: messages / 100 };
}

export const TENANT_ID = 'default';
/**
 * In the chats whose number divided by 5 leaves 0 or 1, the hot one among them; has left half of those that leave 4.
 */
export const BUSY = 'busy';
/** In the hot chat, in the room, and in one with few messages. */
export const ALICE = 'alice';
/** In three chats with few messages. */
export const HERMIT = 'hermit';
/** In one large chat, which shows the past only since one joined; since its middle. */
export const NEWCOMER = 'newcomer';

export const HOT_CHAT = 1;
/** A large chat of few members. */
export const SINCE_JOINED_CHAT = 2;
export const ROOM = 3;
export const ROOM_MEMBERS = 1_000;
export const PARTITIONS = 8;
/** Of the hot chat's first message. */
export const ROOT_REVISIONS = 1_000;
/** In half of the messages. */
export const COMMON_WORD = 'the';
/** In one message of 5,000. */
export const RARE_WORD = 'xylophone';

/**
 * Which messages were edited, deleted soft, deleted hard, reacted to, and marked as read: primes, so that it is in
 * every chat.
 */
const EDITED = 'n % 49 = 25';
const TOMBSTONE = 'n % 97 = 2';
const REMOVED = 'n % 199 = 4';
const REACTED = 'n % 19 = 3';
const READ = 'n % 11 = 5';

const chatId = (number: string) => `md5('chat ' || ${number})::uuid`;
const messageId = (number: string) => `('01900000-0000-7000-8000-' || lpad((${number})::text, 12, '0'))::uuid`;
const word = (rank: string) =>
  `substr('babelidoruneskimatofagewihujopyxesonarilevudamekopu', 1 + ${rank} % 47, 3) ||
   substr('staronkelimpadurenoshvig', 1 + ${rank} / 47 % 21, 3) || substr('ing er ed  al um', 1 + ${rank} / 987 % 13, 3)`;

function statements({ messages, chats, hotMembers }: WorldSize): string[] {
  // Actions, with the number n of their message.
  const acts = `
    CREATE TEMP TABLE said AS
    SELECT n, CASE WHEN n % 5 = 0 OR n = 1 THEN ${HOT_CHAT} ELSE 1 + floor(power(${chats}, random()))::int END AS chat,
      date_trunc('milliseconds', now() - (${messages} - n) * (interval '180 days' / ${messages})) AS at,
      'u' || 1 + floor(random() * 50)::int AS actor
    FROM generate_series(1, ${messages}) n;
    CREATE TEMP TABLE acts AS
    SELECT *, count(*) FILTER (WHERE type <> 'chat.read') OVER in_chat AS sequence,
      count(*) FILTER (WHERE type = 'message.created') OVER in_chat AS ordinal,
      row_number() OVER (PARTITION BY chat % ${PARTITIONS} ORDER BY at, n, type) AS position
    FROM (
      SELECT 'message.created' AS type, n, chat, at, actor FROM said
      UNION ALL SELECT 'message.edited', n, chat, at + interval '1 minute', actor FROM said WHERE ${EDITED}
      UNION ALL SELECT 'message.deleted', n, chat, at + interval '2 minutes', actor FROM said WHERE ${TOMBSTONE} OR ${REMOVED}
      UNION ALL SELECT 'message.reacted', n, chat, at + interval '3 minutes', 'u1' FROM said WHERE ${REACTED}
      UNION ALL SELECT 'chat.read', n, chat, at + interval '4 minutes', actor FROM said WHERE ${READ}
      UNION ALL SELECT 'chat.created', 0, chat, now() - interval '181 days', 'u1' FROM generate_series(1, ${chats}) chat) a
    WINDOW in_chat AS (PARTITION BY chat ORDER BY at, n, type ROWS UNBOUNDED PRECEDING);
    CREATE INDEX ON acts (n) WHERE type = 'message.created';
    ANALYZE acts;`;
  const users = `
    INSERT INTO users (tenant_id, user_id, display_name, name_key, kind, metadata, revision, created_at, updated_at)
    SELECT '${TENANT_ID}', id, 'Name of ' || id, 'name of ' || id, 'human', '{}', 1, now(), now()
    FROM (SELECT 'u' || n AS id FROM generate_series(1, ${hotMembers}) n
      UNION ALL SELECT unnest(ARRAY['${BUSY}', '${ALICE}', '${HERMIT}', '${NEWCOMER}'])) u;`;
  const chatRows = `
    INSERT INTO chats (chat_id, tenant_id, partition, kind, title, metadata, created_by, created_at, last_sequence, last_ordinal,
      member_count, owner_count, last_activity_at, last_position, history_visibility)
    SELECT ${chatId('chat')}, '${TENANT_ID}', chat % ${PARTITIONS}, 'group', 'Chat ' || chat, '{}', 'u1', min(at), max(sequence), max(ordinal),
      CASE chat WHEN ${HOT_CHAT} THEN ${hotMembers} + 2 WHEN ${ROOM} THEN ${ROOM_MEMBERS} + 1 ELSE 5 END, 1,
      max(at) FILTER (WHERE type <> 'chat.read'), max(position) FILTER (WHERE type <> 'chat.read'),
      CASE chat WHEN ${SINCE_JOINED_CHAT} THEN 'since-joined' ELSE 'full' END
    FROM acts GROUP BY chat;
    INSERT INTO partitions (partition, position, published_through) SELECT chat % ${PARTITIONS}, max(position), max(position) FROM acts GROUP BY 1
    ON CONFLICT (partition) DO UPDATE SET position = excluded.position, published_through = excluded.published_through;
    UPDATE store SET partitions = ${PARTITIONS};`;
  const members = `
    INSERT INTO members (chat_id, user_id, tenant_id, role, joined_at, joined_sequence, read_sequence, read_ordinal, read_position)
    SELECT DISTINCT ON (chat, user_id) c.chat_id, user_id, '${TENANT_ID}', CASE user_id WHEN 'u1' THEN 'owner' ELSE 'member' END,
      c.created_at, CASE user_id WHEN '${NEWCOMER}' THEN c.last_sequence / 2 ELSE 1 END,
      c.last_sequence * share, c.last_ordinal * share, c.last_position * share
    FROM (
      SELECT ${HOT_CHAT} AS chat, 'u' || n AS user_id FROM generate_series(1, ${hotMembers}) n
      UNION ALL SELECT ${ROOM}, 'u' || n FROM generate_series(1, ${ROOM_MEMBERS}) n
      UNION ALL SELECT chat, 'u' || 1 + floor(random() * ${hotMembers})::int FROM generate_series(2, ${chats}) chat, generate_series(1, 4)
      UNION ALL SELECT chat, '${BUSY}' FROM generate_series(1, ${chats}) chat WHERE chat % 5 < 2
      UNION ALL SELECT unnest(ARRAY[${HOT_CHAT}, ${ROOM}, ${chats}]), '${ALICE}'
      UNION ALL SELECT generate_series(${chats - 2}, ${chats}), '${HERMIT}'
      UNION ALL SELECT ${SINCE_JOINED_CHAT}, '${NEWCOMER}') m
    JOIN chats c ON c.chat_id = ${chatId('chat')} CROSS JOIN LATERAL (SELECT random() AS share WHERE chat > 0) s;
    INSERT INTO departures (tenant_id, user_id, chat_id, partition, position)
    SELECT DISTINCT '${TENANT_ID}', user_id, chat_id, partition, last_position
    FROM generate_series(1, ${chats}) chat JOIN chats ON chat_id = ${chatId('chat')}
    CROSS JOIN LATERAL (SELECT '${BUSY}' AS user_id WHERE chat % 10 = 4
      UNION ALL SELECT 'u' || 1 + floor(random() * ${hotMembers})::int FROM generate_series(1, 4) WHERE chat > 0) u;`;
  // Every other one has had another role.
  const formerMemberships = `
    INSERT INTO former_memberships (tenant_id, user_id, chat_id, state, until)
    SELECT tenant_id, user_id, chat_id, state, 1 FROM departures, unnest(ARRAY['open member', 'open reader']) state
    UNION SELECT tenant_id, user_id, chat_id, state, 1
    FROM members, unnest(ARRAY['open admin', 'open reader']) state WHERE hashtext(user_id || chat_id) % 2 = 0;`;
  const messageRows = `
    INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type, thread_root_id,
      created_at, edited_at, deleted_at, command_id)
    SELECT ${chatId('chat')}, sequence, ${messageId('n')}, '${TENANT_ID}', ordinal, actor,
      CASE WHEN n = 1 THEN ${ROOT_REVISIONS} + 1 WHEN ${EDITED} THEN 2 ELSE 1 END,
      CASE WHEN NOT (${TOMBSTONE}) THEN concat_ws(' ', CASE WHEN n % 4 IN (0, 1) THEN '${COMMON_WORD}' END,
        CASE WHEN n % 5000 IN (5, 1234) THEN '${RARE_WORD}' END, ${Array.from({ length: 8 }, (_, at) => word(`r${at}`)).join(', ')}) END,
      'text/plain', CASE WHEN n % 20 <> 0 OR n < 40 THEN NULL WHEN n % 100 = 0 THEN ${messageId('1')} ELSE ${messageId('n - 5')} END,
      at, CASE WHEN ${EDITED} THEN at END, CASE WHEN ${TOMBSTONE} THEN at END, 'command-' || n || type
    FROM acts CROSS JOIN LATERAL (SELECT ${Array.from({ length: 8 }, (_, at) => `floor(power(12000, random()))::int AS r${at}`).join(', ')} WHERE n > 0) r
    WHERE type = 'message.created' AND NOT (${REMOVED}) ORDER BY n;
    INSERT INTO threads (root_id, replies) SELECT thread_root_id, count(*) FROM messages WHERE thread_root_id IS NOT NULL GROUP BY 1;
    INSERT INTO removed_messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, created_at)
    SELECT ${chatId('chat')}, sequence, ${messageId('n')}, '${TENANT_ID}', ordinal, actor, at FROM acts WHERE type = 'message.created' AND ${REMOVED};
    INSERT INTO message_revisions (message_id, revision, body, actor_id, at)
    SELECT ${messageId('n')}, 1, 'an earlier text', actor, at FROM acts WHERE type = 'message.edited'
    UNION ALL SELECT ${messageId('1')}, n, 'an earlier text', 'u1', now() FROM generate_series(1, ${ROOT_REVISIONS}) n;`;
  const reactions = `
    INSERT INTO reactions (message_id, emoji, user_id, at)
    SELECT ${messageId('n')}, emoji, user_id, at FROM acts, unnest(ARRAY['👍', ':wave:']) emoji, unnest(ARRAY['u1', '${ALICE}']) user_id
    WHERE type = 'message.reacted' UNION ALL SELECT ${messageId('1')}, '👍', 'u' || n, now() FROM generate_series(1, ${hotMembers}) n;
    INSERT INTO reaction_counts (message_id, emoji, count) SELECT message_id, emoji, count(*) FROM reactions GROUP BY 1, 2;`;
  const events = `
    INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload)
    SELECT a.chat % ${PARTITIONS}, a.position, a.type, '${TENANT_ID}', ${chatId('a.chat')}, CASE WHEN a.type <> 'chat.read' THEN a.sequence END,
      a.actor, 'command-' || a.n || a.type, a.at, CASE a.type
        WHEN 'message.edited' THEN json_build_object('messageId', ${messageId('a.n')}, 'messageSequence', g.sequence, 'revision', 2)
        WHEN 'message.deleted' THEN json_build_object('messageId', ${messageId('a.n')}, 'messageSequence', g.sequence, 'mode', CASE WHEN a.${REMOVED} THEN 'hard' ELSE 'soft' END)
        WHEN 'message.reacted' THEN json_build_object('messageId', ${messageId('a.n')}, 'messageSequence', g.sequence, 'emoji', ':wave:', 'userId', 'u1')
        WHEN 'chat.read' THEN json_build_object('userId', a.actor, 'upTo', a.sequence)
        WHEN 'chat.created' THEN '{"kind":"group","title":null,"historyVisibility":"full","metadata":{},"members":[]}'::json END
    FROM acts a LEFT JOIN acts g ON a.type IN ('message.edited', 'message.deleted', 'message.reacted') AND g.type = 'message.created' AND g.n = a.n ORDER BY a.at, a.n;
    INSERT INTO receipts (slot, key, content_hash, chat_id, sequence, at, tenant_id, actor_id, rest)
    SELECT n / 10 % 4, receipt_key('${TENANT_ID}', actor, 'command-' || n || type), md5(n::text)::uuid, ${chatId('chat')}, sequence, at,
      '${TENANT_ID}', actor, ''
    FROM acts WHERE n % 10 = 1 AND type = 'message.created';`;
  return [acts, users, chatRows, members, formerMemberships, messageRows, reactions, events];
}

const BULK_TABLES = `ARRAY['messages', 'chat_events', 'reactions', 'receipts_0', 'receipts_1', 'receipts_2', 'receipts_3']`;
const KEYS = `SELECT conrelid::regclass::text AS "table", conname AS name, pg_get_constraintdef(oid) AS definition
  FROM pg_constraint WHERE contype = 'p' AND conrelid::regclass::text = ANY(${BULK_TABLES})`;
const INDEXES = `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
  WHERE tablename = ANY(${BULK_TABLES}) AND indexname NOT IN (SELECT conname FROM pg_constraint)`;

/** Fills an empty database. The large tables get their indexes after their rows. */
export async function loadWorld(url: string, size: WorldSize, say: (line: string) => void): Promise<void> {
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  const began = Date.now();
  const run = async (statement: string) => {
    await sql.query(statement);
    say(`${((Date.now() - began) / MINUTE_MS).toFixed(1)} min: ${statement.trim().slice(0, 60).split('\n')[0]}`);
  };
  try {
    await sql.query(`SET work_mem = '256MB'; SET maintenance_work_mem = '512MB'; SET jit = off; SET synchronous_commit = off;
      SET max_parallel_workers_per_gather = 0; SELECT setseed(0.5)`);
    const keys = (await sql.query<{ table: string; name: string; definition: string }>(KEYS)).rows;
    const indexes = (await sql.query<{ name: string; definition: string }>(INDEXES)).rows;
    for (const { table, name } of keys) await sql.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
    for (const { name } of indexes) await sql.query(`DROP INDEX ${name}`);
    for (const statement of statements(size)) await run(statement);
    for (const { table, name, definition } of keys)
      await run(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
    for (const { definition } of indexes) await run(definition);
    await run('ANALYZE');
  } finally {
    await sql.end();
  }
}
