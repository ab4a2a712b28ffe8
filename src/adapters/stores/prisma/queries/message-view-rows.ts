/**
 * A message's row as queries return it, with the id of its command and its reactions, so that a page is one statement.
 */
import type { MessageView, ReactionCount } from '../../../../application/ports/queries/chat-history.js';
import { REACTIONS_SHOWN_MAX } from '../../../../contract/rest/responses.js';
import { Prisma } from '../generated/client.js';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from '../rows.js';
import { MESSAGE_BYTES, withinPageBytes } from './page-bytes.js';

export type MessageViewRow = MessageRow & { commandId: string; reactions: string | null; reactionKinds: number };

/**
 * Column of `messages g`. An older message has the id only in its event, which the same transaction wrote, so one never
 * exists without the other.
 */
const COMMAND_ID = Prisma.sql`COALESCE(g.command_uuid::text, g.command_id,
  (SELECT e.command_id FROM chat_events e WHERE e.chat_id = g.chat_id AND e.sequence = g.sequence)) AS "commandId"`;

/** For `reaction_counts n`, as one user sees it. The user's own reaction is looked up by key. */
function reaction(userId: string): Prisma.Sql {
  return Prisma.sql`json_build_object('emoji', n.emoji, 'count', n.count, 'mine',
    (SELECT TRUE FROM reactions o WHERE o.message_id = n.message_id AND o.emoji = n.emoji AND o.user_id = ${userId}) IS NOT NULL)`;
}

/** For `messages g`, as one user sees it: an array of the listed reactions, the most frequent first, then by emoji. */
function reactions(userId: string): Prisma.Sql {
  return Prisma.sql`(
    SELECT json_agg(${reaction(userId)} ORDER BY n.count DESC, n.emoji)
    FROM (SELECT * FROM reaction_counts k WHERE k.message_id = g.message_id
      ORDER BY k.count DESC, k.emoji LIMIT ${REACTIONS_SHOWN_MAX}::int8) n)::text`;
}

/** The number of different emoji on `messages g`. */
const REACTION_KINDS = Prisma.sql`(SELECT count(*)::int4 FROM reaction_counts k WHERE k.message_id = g.message_id)`;

/** For `messages g`, as one user sees it, each with its reactions: for one message or a few unrelated ones. */
export function messageViewColumns(userId: string): Prisma.Sql {
  return Prisma.sql`${MESSAGE_COLUMNS}, ${COMMAND_ID}, ${reactions(userId)} AS reactions, ${REACTION_KINDS} AS "reactionKinds"`;
}

/**
 * The same for a page. `page` selects from `messages g`, ordered and limited. The reactions of all its messages are
 * read with one index scan, which costs almost nothing if there are none. Message ids are in time order, so those of a
 * page are near each other.
 */
export function messageViewPage(userId: string, page: Prisma.Sql, order: 'ASC' | 'DESC'): Prisma.Sql {
  return Prisma.sql`
    WITH page AS MATERIALIZED (${withinPageBytes(page, Prisma.sql`p.sequence ${Prisma.raw(order)}`, MESSAGE_BYTES)}),
    counted AS (
      SELECT k.message_id, k.emoji, k.count, count(*) OVER (PARTITION BY k.message_id) AS kinds,
        row_number() OVER (PARTITION BY k.message_id ORDER BY k.count DESC, k.emoji) AS place
      FROM reaction_counts k WHERE k.message_id = ANY (ARRAY(SELECT message_id FROM page))),
    reacted AS MATERIALIZED (
      SELECT n.message_id, max(n.kinds)::int4 AS kinds, json_agg(${reaction(userId)} ORDER BY n.count DESC, n.emoji)::text AS reactions
      FROM counted n WHERE n.place <= ${REACTIONS_SHOWN_MAX}::int8 GROUP BY n.message_id)
    SELECT ${MESSAGE_COLUMNS}, ${COMMAND_ID}, r.reactions, COALESCE(r.kinds, 0) AS "reactionKinds", g."pageRows"
    FROM page g LEFT JOIN reacted r ON r.message_id = g.message_id
    ORDER BY g.sequence ${Prisma.raw(order)}`;
}

export function toMessageView(row: MessageViewRow): MessageView {
  const reactions: ReactionCount[] = row.reactions === null ? [] : JSON.parse(row.reactions);
  return { ...toMessage(row), commandId: row.commandId, reactions, reactionKinds: row.reactionKinds };
}
