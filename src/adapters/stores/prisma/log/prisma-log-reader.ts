import type { LoggedEvent } from '../../../../application/ports/store/event-log.js';
import type { LogPart, LogReader } from '../../../../application/ports/store/log-reader.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { EVENT_COLUMNS, EVENTS_WITH_MESSAGES, type EventRow, toLoggedEvent } from './event-rows.js';

/** Every method rejects with a `StoreError`. */
export class PrismaLogReader implements LogReader {
  constructor(private readonly database: PrismaClient) {}

  async endOf(part: LogPart): Promise<number | null> {
    const statement =
      'chatId' in part
        ? Prisma.sql`SELECT last_sequence::float8 AS "end" FROM chats
            WHERE chat_id = ${part.chatId}::uuid AND partition IS DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4`
        : Prisma.sql`SELECT position::float8 AS "end" FROM partitions WHERE partition = ${part.partition}`;
    const [row] = await this.database.$queryRaw<{ end: number }[]>(statement).catch(rethrow);
    return row?.end ?? null;
  }

  async floorOf(partition: number): Promise<number> {
    const [row] = await this.database.$queryRaw<{ floor: number }[]>`
      SELECT log_floor::float8 AS floor FROM partitions WHERE partition = ${partition}`.catch(rethrow);
    return row?.floor ?? 0;
  }

  async lastOf(partition: number, through: number): Promise<number> {
    const [row] = await this.database.$queryRaw<{ position: number }[]>`
      SELECT position::float8 AS position FROM chat_events WHERE partition = ${partition} AND position <= ${through}
      ORDER BY position DESC LIMIT 1`.catch(rethrow);
    return row?.position ?? 0;
  }

  async readChat(chatId: string, after: number, limit: number): Promise<LoggedEvent[]> {
    const rows = await this.database.$queryRaw<EventRow[]>`
      SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.chat_id = ${chatId}::uuid AND e.sequence > ${after}
      ORDER BY e.sequence LIMIT ${limit}::int8`.catch(rethrow);
    return rows.map(toLoggedEvent);
  }
}
