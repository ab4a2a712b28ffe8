import type { LoggedEvent } from '../../../../application/ports/store/log/event-log.js';
import type { LogPart, LogReader } from '../../../../application/ports/store/log/log-reader.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import type { PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { EVENT_COLUMNS, EVENTS_WITH_MESSAGES, type EventRow, toLoggedEvent } from './event-rows.js';

/** Every method rejects with a `StoreError`. */
export class PrismaLogReader implements LogReader {
  constructor(private readonly database: PrismaClient) {}

  async endOf(part: LogPart): Promise<number | null> {
    if ('chatId' in part) {
      const isComplete = [{ partition: null }, { partition: { not: PARTITION_WHILE_IMPORTED } }];
      const chat = await this.database.chat
        .findFirst({ where: { chatId: part.chatId, OR: isComplete }, select: { lastSequence: true } })
        .catch(rethrow);
      return chat === null ? null : Number(chat.lastSequence);
    }
    const found = await this.database.partition
      .findFirst({ where: { partition: part.partition }, select: { position: true } })
      .catch(rethrow);
    return found === null ? null : Number(found.position);
  }

  async floorOf(partition: number): Promise<number> {
    const found = await this.database.partition
      .findFirst({ where: { partition }, select: { logFloor: true } })
      .catch(rethrow);
    return Number(found?.logFloor ?? 0);
  }

  async lastOf(partition: number, through: number): Promise<number> {
    const where = { partition, position: { lte: BigInt(through) } };
    const last = await this.database.chatEvent
      .findFirst({ where, orderBy: { position: 'desc' }, select: { position: true } })
      .catch(rethrow);
    return Number(last?.position ?? 0);
  }

  async readChat(chatId: string, after: number, limit: number): Promise<LoggedEvent[]> {
    // Raw: each event with its text, by a lateral lookup.
    const rows = await this.database.$queryRaw<EventRow[]>`
      SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.chat_id = ${chatId}::uuid AND e.sequence > ${after}
      ORDER BY e.sequence LIMIT ${limit}::int8`.catch(rethrow);
    return rows.map(toLoggedEvent);
  }
}
