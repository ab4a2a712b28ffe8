import type { Chat, Member } from '../../../src/domain/chat.js';
import type { Message, Reaction } from '../../../src/domain/message.js';
import type { Tables } from '../../unit/application/sync/sync-oracle.js';
import { withConnection } from './prisma-harness.js';

/** Every row, of what a client is held against. */
export function tablesOf(url: string): Promise<Tables> {
  return withConnection(url, async (sql) => {
    const rows = async <Row>(statement: string) => (await sql.query(statement)).rows as Row[];
    return {
      chats: await rows<Chat>(`
        SELECT chat_id AS "chatId", title, history_visibility AS "historyVisibility", archived_at AS "archivedAt",
          member_count AS "memberCount", last_sequence::float8 AS "lastSequence", last_ordinal::float8 AS "lastOrdinal"
        FROM chats`),
      members: await rows<Member>(`
        SELECT chat_id AS "chatId", user_id AS "userId", role, joined_sequence::float8 AS "joinedSequence",
          read_sequence::float8 AS "readSequence", read_ordinal::float8 AS "readOrdinal",
          hidden_ordinal::float8 AS "hiddenOrdinal" FROM members`),
      messages: await rows<Message>(`
        SELECT chat_id AS "chatId", message_id AS "messageId", sequence::float8 AS sequence, body, deleted_at AS "deletedAt"
        FROM messages`),
      reactions: await rows<Reaction>(`
        SELECT message_id AS "messageId", emoji, user_id AS "userId" FROM reactions`),
    };
  });
}
