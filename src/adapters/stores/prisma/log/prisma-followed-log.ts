import type { LoggedEvent } from '../../../../application/ports/store/log/event-log.js';
import type { FollowedLog, LoggedText, LogStretch } from '../../../../application/ports/store/log/followed-log.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import { CHANGES_AUDIENCE } from '../../../../domain/event.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { EVENT_BYTES, type PageRow, withinPageBytes } from '../queries/page-bytes.js';
import { rethrow } from '../store-errors.js';
import {
  EVENT_COLUMNS,
  EVENTS_WITH_MESSAGES,
  EVENTS_WITH_PRESENT_MESSAGES,
  type EventRow,
  toLoggedEvent,
} from './event-rows.js';

/** A literal, because the partial index `chat_events_audience_idx` is not used for a list of parameters. */
const AUDIENCE_TYPES = Prisma.raw([...CHANGES_AUDIENCE].map((type) => `'${type}'`).join(', '));

/** Position, sequence, the message's id, revision, sender and text, and the number of rows before the limit by size. */
type TextRow = [number, number | null, string | null, number, string, string | null, number];

function toText([position, sequence, messageId, revision, senderId, body]: TextRow): LoggedText {
  const isGone = messageId === null || body === null;
  return { position, sequence, text: isGone ? null : { messageId, revision, senderId, body } };
}

/**
 * Every method rejects with a `StoreError`.
 *
 * Raw: each event with its text, by a lateral lookup; and partial indexes, which need literals.
 */
export class PrismaFollowedLog implements FollowedLog {
  constructor(private readonly database: PrismaClient) {}

  /**
   * One statement, so one snapshot: a batch writes its events and the end of the log together. The events are one JSON
   * text: with separate cells, Prisma and the driver would process each of some thirty values of an event several
   * times.
   */
  async read(partition: number, after: number, limit: number): Promise<LogStretch> {
    const page = Prisma.sql`
      SELECT ${EVENT_COLUMNS}, ${EVENT_BYTES} AS bytes FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.partition = ${partition}::int4 AND e.position > ${after}::int8
      ORDER BY e.position LIMIT ${limit}::int8`;
    const [found] = await this.database.$queryRaw<{ end: number; floor: number; events: string | null }[]>`
      SELECT p.position::float8 AS "end", p.log_floor::float8 AS floor,
        (SELECT json_agg(t ORDER BY t.position)::text
          FROM (${withinPageBytes(page, Prisma.sql`p.position`)}) t) AS events
      FROM partitions p WHERE p.partition = ${partition}::int4`.catch(rethrow);
    if (found === undefined) throw new Error(`there is no partition ${partition}`);
    const rows = found.events === null ? [] : (JSON.parse(found.events) as (EventRow & PageRow)[]);
    const last = rows.at(-1);
    const isAll = last === undefined || (last.pageRows === rows.length && rows.length < limit);
    const { end, floor } = found;
    return { events: rows.map(toLoggedEvent), through: isAll ? end : last.position, end, floor };
  }

  /** One statement, as `read`. A row is an array, because the names of its fields would cost more than its numbers. */
  async readTexts(partition: number, after: number, limit: number): Promise<LogStretch<LoggedText>> {
    const page = Prisma.sql`
      SELECT e.position, e.sequence, g.message_id, g.revision, g.sender_id, g.body,
        COALESCE(octet_length(g.body), 0) AS bytes
      FROM ${EVENTS_WITH_PRESENT_MESSAGES}
      WHERE e.partition = ${partition}::int4 AND e.position > ${after}::int8
      ORDER BY e.position LIMIT ${limit}::int8`;
    const [found] = await this.database.$queryRaw<{ end: number; floor: number; events: string | null }[]>`
      SELECT p.position::float8 AS "end", p.log_floor::float8 AS floor,
        (SELECT json_agg(json_build_array(t.position, t.sequence, t.message_id, t.revision, t.sender_id, t.body,
            t."pageRows") ORDER BY t.position)::text
          FROM (${withinPageBytes(page, Prisma.sql`p.position`)}) t) AS events
      FROM partitions p WHERE p.partition = ${partition}::int4`.catch(rethrow);
    if (found === undefined) throw new Error(`there is no partition ${partition}`);
    const rows = found.events === null ? [] : (JSON.parse(found.events) as TextRow[]);
    const last = rows.at(-1);
    const isAll = last === undefined || (last[6] === rows.length && rows.length < limit);
    const { end, floor } = found;
    return { events: rows.map(toText), through: isAll ? end : last[0], end, floor };
  }

  /**
   * Completed imports take their numbers under the lock of the store's row, which they hold until they commit. So no
   * lower number can appear later.
   */
  async nextImport(after: number): Promise<number | null> {
    const [row] = await this.database.$queryRaw<{ importNumber: number }[]>`
      SELECT import_number AS "importNumber" FROM chats
      WHERE import_number > ${after}::int4 AND partition IS DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4
      ORDER BY import_number LIMIT 1`.catch(rethrow);
    return row?.importNumber ?? null;
  }

  async readImport(importNumber: number, after: number, limit: number): Promise<LoggedEvent[]> {
    const rows = await this.database.$queryRaw<EventRow[]>`
      SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.chat_id = (SELECT chat_id FROM chats WHERE import_number = ${importNumber}::int4
          AND partition IS DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4)
        AND e.sequence > ${after}::int8 AND e.partition = ${PARTITION_WHILE_IMPORTED}::int4
      ORDER BY e.sequence LIMIT ${limit}::int8`.catch(rethrow);
    return rows.map(toLoggedEvent);
  }

  async readAt(partition: number, positions: readonly number[]): Promise<LoggedEvent[]> {
    if (positions.length === 0) return [];
    const rows = await this.database.$queryRaw<EventRow[]>`
      SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.partition = ${partition}::int4 AND e.position = ANY (${column(positions, (position) => position)}::int8[])
      ORDER BY e.position`.catch(rethrow);
    return rows.map(toLoggedEvent);
  }

  async lastAudienceChanges(chatIds: readonly string[]): Promise<Map<string, LoggedEvent>> {
    if (chatIds.length === 0) return new Map();
    const rows = await this.database.$queryRaw<EventRow[]>`
      SELECT found.* FROM unnest(${column(chatIds, (id) => id)}::uuid[]) AS k(chat_id) CROSS JOIN LATERAL (
        SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
        WHERE e.chat_id = k.chat_id AND e.type IN (${AUDIENCE_TYPES})
        ORDER BY e.sequence DESC LIMIT 1) found`.catch(rethrow);
    return new Map(rows.map((row) => [row.chatId ?? '', toLoggedEvent(row)]));
  }

  async audienceChanges(chatId: string, after: number, until: LoggedEvent, limit: number): Promise<LoggedEvent[]> {
    // The same condition as `isAfter`.
    const notAfter =
      until.sequence !== null
        ? Prisma.sql`e.sequence <= ${until.sequence}::int8`
        : Prisma.sql`CASE WHEN e.partition = ${until.partition}::int4 THEN e.position <= ${until.position}::int8
            ELSE e.at <= ${until.at.toISOString()}::timestamptz END`;
    const rows = await this.database.$queryRaw<EventRow[]>`
      SELECT ${EVENT_COLUMNS} FROM ${EVENTS_WITH_MESSAGES}
      WHERE e.chat_id = ${chatId}::uuid AND e.sequence > ${after}::int8 AND e.type IN (${AUDIENCE_TYPES}) AND ${notAfter}
      ORDER BY e.sequence LIMIT ${limit}::int8`.catch(rethrow);
    return rows.map(toLoggedEvent);
  }
}
