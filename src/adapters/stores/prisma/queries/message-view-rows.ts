/** A message's row as queries give it: with the command that created it and its reactions, so that a page is one statement. */
import type { MessageView, ReactionCount } from '../../../../application/ports/chat-history.js';
import { REACTIONS_SHOWN_MAX } from '../../../../contract/rest/responses.js';
import { Prisma } from '../generated/client.js';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from '../rows.js';
import { MESSAGE_BYTES, withinPageBytes } from './page-bytes.js';

export type MessageViewRow = MessageRow & { commandId: string; reactions: string | null; reactionKinds: number };

/**
 * Of `messages g`. A message from before these columns has it only in its event, which is written in the same transaction: the one is never
 * there without the other.
 */
const COMMAND_ID = Prisma.sql`COALESCE(g.command_uuid::text, g.command_id,
  (SELECT e.command_id FROM chat_events e WHERE e.chat_id = g.chat_id AND e.sequence = g.sequence)) AS "commandId"`;

/** Of `reaction_counts n`, seen by one user. Whether one's own is among them is looked up by key. */
function reaction(userId: string): Prisma.Sql {
  return Prisma.sql`json_build_object('emoji', n.emoji, 'count', n.count, 'mine',
    (SELECT TRUE FROM reactions o WHERE o.message_id = n.message_id AND o.emoji = n.emoji AND o.user_id = ${userId}) IS NOT NULL)`;
}

/** Of `messages g`, seen by one user: an array of the reactions that are shown, the most frequent first, then by emoji. */
function reactions(userId: string): Prisma.Sql {
  return Prisma.sql`(
    SELECT json_agg(${reaction(userId)} ORDER BY n.count DESC, n.emoji)
    FROM (SELECT * FROM reaction_counts k WHERE k.message_id = g.message_id
      ORDER BY k.count DESC, k.emoji LIMIT ${REACTIONS_SHOWN_MAX}::int8) n)::text`;
}

/** With how many different emoji users have reacted to `messages g`. */
const REACTION_KINDS = Prisma.sql`(SELECT count(*)::int4 FROM reaction_counts k WHERE k.message_id = g.message_id)`;

/** Of `messages g`, seen by one user, each with its reactions: for one message, or a few that have nothing to do with each other. */
export function messageViewColumns(userId: string): Prisma.Sql {
  return Prisma.sql`${MESSAGE_COLUMNS}, ${COMMAND_ID}, ${reactions(userId)} AS reactions, ${REACTION_KINDS} AS "reactionKinds"`;
}

/**
 * The same for a page: `page` selects from `messages g`, ordered and limited. The reactions of all of its messages are one walk through the index,
 * which costs next to nothing where there are none; message ids are in the order of time, so that those of a page lie together.
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
