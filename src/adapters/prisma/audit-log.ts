/** What must hold of the partitions and their logs. Each statement is a snapshot of its own. */
import { UNPUBLISHED_MAX_S } from '../../application/ports/store-audit.js';
import { Prisma } from './generated/client.js';

/** How far each partition's log goes, and what cannot be of it as a whole. */
export const PARTITION_STATES = Prisma.sql`
  SELECT p.partition, p.position::float8 AS position, p.published_through::float8 AS "publishedThrough",
    coalesce((SELECT e.position FROM chat_events e WHERE e.partition = p.partition ORDER BY e.position DESC LIMIT 1), 0)::float8 AS highest,
    coalesce((SELECT extract(epoch FROM now() - e.at) FROM chat_events e WHERE e.partition = p.partition AND e.position > p.published_through
      ORDER BY e.position LIMIT 1), 0)::float8 AS "waitedS"
  FROM partitions p ORDER BY p.partition`;

export interface PartitionRow {
  partition: number;
  position: number;
  publishedThrough: number;
  highest: number;
  waitedS: number;
}

export function faultsOfPartition({ partition, position, publishedThrough, highest, waitedS }: PartitionRow) {
  const fault = (kind: 'position-beyond' | 'published-beyond' | 'unpublished', detail: string) => ({
    ...{ kind, chatId: null, partition, detail },
  });
  return [
    ...(highest > position
      ? [fault('position-beyond', `the log goes to ${highest}, the partition to ${position}`)]
      : []),
    ...(publishedThrough > position
      ? [fault('published-beyond', `published through ${publishedThrough} of ${position}`)]
      : []),
    ...(waitedS > UNPUBLISHED_MAX_S
      ? [fault('unpublished', `${position - publishedThrough} events wait, the oldest for ${Math.floor(waitedS)} s`)]
      : []),
  ];
}

/** Positions beyond `after` up to `to`, all of which must be there, and each event's chat with it. */
export function logStretch(partition: number, after: number, to: number): Prisma.Sql {
  return Prisma.sql`
    WITH stretch AS (
      SELECT e.position, e.chat_id, row_number() OVER (ORDER BY e.position) + ${after}::int8 AS expected
      FROM chat_events e WHERE e.partition = ${partition} AND e.position > ${after} AND e.position <= ${to}),
    counted AS (
      SELECT count(*) AS there, coalesce(min(expected) FILTER (WHERE position <> expected), count(*) + ${after}::int8 + 1) AS first_missing FROM stretch),
    homeless AS (
      SELECT min(chat_id::text) AS chat_id, count(*) AS events, min(position) AS first FROM stretch s
      WHERE chat_id IS NOT NULL AND NOT EXISTS (SELECT FROM chats c WHERE c.chat_id = s.chat_id))
    SELECT 'position-missing' AS kind, NULL::text AS "chatId", ${partition}::int4 AS partition,
      format('%s positions are not there, the first is %s', ${to}::int8 - ${after}::int8 - there, first_missing) AS detail
    FROM counted WHERE there < ${to}::int8 - ${after}::int8
    UNION ALL SELECT 'event-without-chat', chat_id, ${partition}::int4, format('%s events, the first at %s', events, first)
    FROM homeless WHERE events > 0`;
}
