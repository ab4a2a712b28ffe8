/** A message's row as queries give it: with the command that created it and its reactions, so that a page is one statement. */
import type { MessageView, ReactionCount } from '../../application/ports/chat-history.js';
import { Prisma } from './generated/client.js';
import { MESSAGE_BYTES, withinPageBytes } from './page-bytes.js';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from './rows.js';

export type MessageViewRow = MessageRow & { commandId: string; reactions: string | null };

/**
 * Of `messages g`. A message from before these columns has it only in its event, which is written in the same transaction: the one is never
 * there without the other.
 */
const COMMAND_ID = Prisma.sql`COALESCE(g.command_uuid::text, g.command_id,
  (SELECT e.command_id FROM chat_events e WHERE e.chat_id = g.chat_id AND e.sequence = g.sequence)) AS "commandId"`;

/** Of `reaction_counts n`, seen by one user: an array of a message's reactions. Whether one's own is among them is looked up by key. */
function reactions(userId: string): Prisma.Sql {
  return Prisma.sql`json_agg(json_build_object('emoji', n.emoji, 'count', n.count, 'mine',
    (SELECT TRUE FROM reactions r WHERE r.message_id = n.message_id AND r.emoji = n.emoji AND r.user_id = ${userId}) IS NOT NULL)
    ORDER BY n.emoji)`;
}

/** Of `messages g`, seen by one user, each with its reactions: for one message, or a few that have nothing to do with each other. */
export function messageViewColumns(userId: string): Prisma.Sql {
  return Prisma.sql`${MESSAGE_COLUMNS}, ${COMMAND_ID},
    (SELECT ${reactions(userId)} FROM reaction_counts n
      WHERE n.message_id = g.message_id AND n.count > 0)::text AS reactions`;
}

/**
 * The same for a page: `page` selects from `messages g`, ordered and limited. The reactions of all of its messages are one walk through the
 * index, which costs next to nothing where there are none; message ids are in the order of time, so that those of a page lie together.
 */
export function messageViewPage(userId: string, page: Prisma.Sql, order: 'ASC' | 'DESC'): Prisma.Sql {
  return Prisma.sql`
    WITH page AS MATERIALIZED (${withinPageBytes(page, Prisma.sql`p.sequence ${Prisma.raw(order)}`, MESSAGE_BYTES)}),
    reacted AS MATERIALIZED (
      SELECT n.message_id, ${reactions(userId)} AS reactions FROM reaction_counts n
      WHERE n.message_id = ANY (ARRAY(SELECT message_id FROM page)) AND n.count > 0 GROUP BY n.message_id)
    SELECT ${MESSAGE_COLUMNS}, ${COMMAND_ID}, reacted.reactions::text AS reactions, g."pageRows"
    FROM page g LEFT JOIN reacted ON reacted.message_id = g.message_id
    ORDER BY g.sequence ${Prisma.raw(order)}`;
}

export function toMessageView(row: MessageViewRow): MessageView {
  const reactions: ReactionCount[] = row.reactions === null ? [] : JSON.parse(row.reactions);
  return { ...toMessage(row), commandId: row.commandId, reactions };
}
