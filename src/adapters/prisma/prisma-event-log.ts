import type { EventLog, LoggedEvent, Recipients } from '../../application/ports/event-log.js';
import { column } from './columns.js';
import { EVENT_COLUMNS, EVENTS_WITH_MESSAGES, type EventRow, toLoggedEvent } from './event-rows.js';
import type { PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/** Every method rejects with a `StoreError`. */
export class PrismaEventLog implements EventLog {
  constructor(private readonly database: PrismaClient) {}

  async storeId(): Promise<string> {
    const rows = await this.database.$queryRaw<{ storeId: string }[]>`
      SELECT store_id::text AS "storeId" FROM store`.catch(rethrow);
    if (rows[0] === undefined) throw new Error('the store has no identity: its row is missing');
    return rows[0].storeId;
  }

  async readEvents(partition: number, after: number, limit: number): Promise<LoggedEvent[]> {
    const rows = await this.database.$queryRaw<EventRow[]>`
      SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.partition = ${partition} AND e.position > ${after}
      ORDER BY e.position LIMIT ${limit}::int8`.catch(rethrow);
    return rows.map(toLoggedEvent);
  }

  async recipients(chatIds: readonly string[], max: number): Promise<Map<string, Recipients>> {
    if (chatIds.length === 0) return new Map();
    const rows = await this.database.$queryRaw<(Recipients & { chatId: string })[]>`
      SELECT c.chat_id::text AS "chatId", c.member_count AS "memberCount",
        CASE WHEN c.member_count <= ${max} THEN
          ARRAY(SELECT m.user_id FROM members m WHERE m.chat_id = c.chat_id ORDER BY m.user_id COLLATE "C")
        END AS "memberIds"
      FROM unnest(${column(chatIds, (id) => id)}::uuid[]) AS k(chat_id) JOIN chats c USING (chat_id)`.catch(rethrow);
    return new Map(rows.map(({ chatId, memberIds, memberCount }) => [chatId, { memberIds, memberCount }]));
  }
}
