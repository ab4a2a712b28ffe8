/** A message's row as queries give it: with the command that created it and its reactions, so that a page is one statement. */
import type { MessageView, ReactionCount } from '../../application/ports/chat-history.js';
import { Prisma } from './generated/client.js';
import { MESSAGE_COLUMNS, type MessageRow, toMessage } from './rows.js';

export type MessageViewRow = MessageRow & { commandId: string; reactions: string | null };

/**
 * Of `messages g`, seen by one user. Both are looked up by key for each row that is given, and for no others. A message and its event are
 * written in one transaction: the one is never there without the other.
 */
export function messageViewColumns(userId: string): Prisma.Sql {
  return Prisma.sql`${MESSAGE_COLUMNS},
    (SELECT e.command_id FROM chat_events e WHERE e.chat_id = g.chat_id AND e.sequence = g.sequence) AS "commandId",
    (SELECT json_agg(json_build_object('emoji', n.emoji, 'count', n.count, 'mine', r.user_id IS NOT NULL))
      FROM reaction_counts n
      LEFT JOIN reactions r ON r.message_id = n.message_id AND r.emoji = n.emoji AND r.user_id = ${userId}
      WHERE n.message_id = g.message_id AND n.count > 0)::text AS reactions`;
}

export function toMessageView(row: MessageViewRow): MessageView {
  const reactions: ReactionCount[] = row.reactions === null ? [] : JSON.parse(row.reactions);
  return { ...toMessage(row), commandId: row.commandId, reactions };
}
