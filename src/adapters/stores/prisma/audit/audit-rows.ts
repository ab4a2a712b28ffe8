/** Rows whose chat, message or event is missing. Each page is one statement, and so one snapshot. */
import type { FaultKind } from '../../../../application/ports/store/store-audit.js';
import { NO_TENANT } from '../archive/archive-rows.js';
import { Prisma } from '../generated/client.js';

/** Number of keys checked by one statement. */
export const AUDIT_PAGE_KEYS = 5_000;

export interface PageRow {
  /** The key after which the next page starts. Null if there is none. */
  last: string | null;
  keys: number;
  wrong: number;
  /** The first faulty row. */
  example: string | null;
}

export interface PageRule {
  kind: FaultKind;
  /** Completes "17 …". */
  what: string;
  /** A value before every key. */
  before: string;
  page(after: string): Prisma.Sql;
}

const BEFORE_IDS = '00000000-0000-0000-0000-000000000000';

/** Reads every key of a table once, with an index skip scan, and returns those without a parent. */
function orphans(table: string, key: string, parent: string, parentKey: string, kind: FaultKind): PageRule {
  const [t, k, p, pk] = [table, key, parent, parentKey].map((name) => Prisma.raw(name));
  return {
    ...{ kind, before: BEFORE_IDS, what: `${key}s of ${table} that are not in ${parent}` },
    page: (after) => Prisma.sql`
      WITH RECURSIVE leaps(k, n) AS (
        (SELECT t.${k}, 1 FROM ${t} t WHERE t.${k} > ${after}::uuid ORDER BY t.${k} LIMIT 1)
        UNION ALL
        SELECT (SELECT t.${k} FROM ${t} t WHERE t.${k} > l.k ORDER BY t.${k} LIMIT 1), l.n + 1
        FROM leaps l WHERE l.k IS NOT NULL AND l.n < ${AUDIT_PAGE_KEYS}::int4),
      wrong AS (SELECT k FROM leaps l WHERE k IS NOT NULL AND NOT EXISTS (SELECT FROM ${p} p WHERE p.${pk} = l.k))
      SELECT (SELECT k::text FROM leaps WHERE k IS NOT NULL ORDER BY n DESC LIMIT 1) AS last,
        (SELECT count(*)::int4 FROM leaps WHERE k IS NOT NULL) AS keys,
        (SELECT count(*)::int4 FROM wrong) AS wrong, (SELECT min(k::text) FROM wrong) AS example`,
  };
}

/** Departures whose event is not there. */
const departures: PageRule = {
  kind: 'departure',
  what: 'departures (by chat) without their event',
  before: JSON.stringify(['', '', BEFORE_IDS]),
  page: (after) => {
    const [tenantId, userId, chatId] = JSON.parse(after) as string[];
    return Prisma.sql`
      WITH page AS MATERIALIZED (
        SELECT * FROM departures WHERE (tenant_id, user_id, chat_id) > (${tenantId}, ${userId}, ${chatId}::uuid)
        ORDER BY tenant_id, user_id, chat_id LIMIT ${AUDIT_PAGE_KEYS}::int8),
      wrong AS (
        SELECT chat_id::text AS k FROM page t WHERE NOT EXISTS (SELECT FROM chat_events e
          WHERE e.partition = t.partition AND e.position = t.position AND e.type = 'member.removed'
            AND e.chat_id = t.chat_id AND e.payload->>'userId' = t.user_id))
      SELECT (SELECT json_build_array(tenant_id, user_id, chat_id)::text FROM page
          ORDER BY tenant_id DESC, user_id DESC, chat_id DESC LIMIT 1) AS last,
        (SELECT count(*)::int4 FROM page) AS keys,
        (SELECT count(*)::int4 FROM wrong) AS wrong, (SELECT min(k) FROM wrong) AS example`;
  },
};

/** A page of receipts in key order, of all their tables. */
function receiptsByKey(rule: Omit<PageRule, 'before' | 'page'>, isWrong: Prisma.Sql): PageRule {
  return {
    ...rule,
    before: BEFORE_IDS,
    page: (after) => Prisma.sql`
      WITH page AS MATERIALIZED (
        SELECT * FROM receipts WHERE key > ${after}::uuid ORDER BY key LIMIT ${AUDIT_PAGE_KEYS}::int8),
      wrong AS (SELECT key::text AS k FROM page t WHERE ${isWrong})
      SELECT (SELECT key::text FROM page ORDER BY key DESC LIMIT 1) AS last, (SELECT count(*)::int4 FROM page) AS keys,
        (SELECT count(*)::int4 FROM wrong) AS wrong, (SELECT min(k) FROM wrong) AS example`,
  };
}

/** Number of users checked by one statement. Each user may be in thousands of chats, and each chat is looked up. */
const USER_CHATS_PAGE_KEYS = 500;

/**
 * Every user who is in a chat (with an index skip scan) or has counts, and those whose counts differ from their chats.
 */
const userChats: PageRule = {
  kind: 'user-chats',
  what: 'users whose chats are counted otherwise than there are',
  before: JSON.stringify(['', '']),
  page: (after) => {
    const [tenantId, userId] = JSON.parse(after) as string[];
    return Prisma.sql`
      WITH RECURSIVE leaps(tenant_id, user_id, n) AS (
        (SELECT m.tenant_id, m.user_id, 1 FROM members m
          WHERE (m.tenant_id, m.user_id) > (${tenantId}, ${userId}) AND m.tenant_id > ${NO_TENANT}
          ORDER BY m.tenant_id, m.user_id LIMIT 1)
        UNION ALL
        SELECT x.tenant_id, x.user_id, l.n + 1 FROM leaps l CROSS JOIN LATERAL (
          SELECT m.tenant_id, m.user_id FROM members m WHERE (m.tenant_id, m.user_id) > (l.tenant_id, l.user_id)
          ORDER BY m.tenant_id, m.user_id LIMIT 1) x
        WHERE l.n < ${USER_CHATS_PAGE_KEYS}::int4),
      page AS MATERIALIZED (
        SELECT * FROM (
          SELECT tenant_id, user_id FROM leaps
          UNION (SELECT tenant_id, user_id FROM user_chats WHERE (tenant_id, user_id) > (${tenantId}, ${userId})
            ORDER BY tenant_id, user_id LIMIT ${USER_CHATS_PAGE_KEYS}::int8)) k
        ORDER BY tenant_id, user_id LIMIT ${USER_CHATS_PAGE_KEYS}::int8),
      wrong AS (
        SELECT k.user_id AS k FROM page k LEFT JOIN user_chats u ON u.tenant_id = k.tenant_id AND u.user_id = k.user_id
        CROSS JOIN LATERAL (
          SELECT count(*) FILTER (WHERE c.created_by = m.user_id) AS created,
            count(*) FILTER (WHERE c.created_by <> m.user_id AND c.kind <> 'direct') AS joined
          FROM members m CROSS JOIN LATERAL (SELECT * FROM chats WHERE chat_id = m.chat_id LIMIT 1) c
          WHERE m.tenant_id = k.tenant_id AND m.user_id = k.user_id) there
        WHERE coalesce(u.created, 0) <> there.created OR coalesce(u.joined, 0) <> there.joined)
      SELECT (SELECT json_build_array(tenant_id, user_id)::text FROM page ORDER BY tenant_id DESC, user_id DESC LIMIT 1) AS last,
        (SELECT count(*)::int4 FROM page) AS keys,
        (SELECT count(*)::int4 FROM wrong) AS wrong, (SELECT min(k) FROM wrong) AS example`;
  },
};

export const PAGE_RULES: readonly PageRule[] = [
  ...['members', 'messages', 'removed_messages'].map((table) =>
    orphans(table, 'chat_id', 'chats', 'chat_id', 'row-without-chat'),
  ),
  ...['message_revisions', 'reactions', 'reaction_counts'].map((table) =>
    orphans(table, 'message_id', 'messages', 'message_id', 'row-without-message'),
  ),
  orphans('threads', 'root_id', 'messages', 'message_id', 'row-without-message'),
  departures,
  userChats,
  receiptsByKey(
    { kind: 'receipt', what: 'receipts (by key) whose event is not there' },
    Prisma.sql`t.sequence IS NOT NULL AND NOT EXISTS (SELECT FROM chat_events e
      WHERE e.chat_id = t.chat_id AND e.sequence = t.sequence AND e.tenant_id = t.tenant_id AND e.actor_id = t.actor_id
        AND receipt_key(e.tenant_id, e.actor_id, e.command_id) = t.key)`,
  ),
  receiptsByKey(
    { kind: 'receipt-doubled', what: 'receipts (by key) that are there more than once' },
    Prisma.sql`(SELECT count(*) FROM receipts d WHERE d.key = t.key) > 1`,
  ),
];
