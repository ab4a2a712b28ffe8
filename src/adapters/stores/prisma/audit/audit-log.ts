/** Invariants of the partitions and their logs. Each statement is a snapshot of its own. */
import { type StoreFault, UNPUBLISHED_MAX_S } from '../../../../application/ports/store/store-audit.js';
import { Prisma } from '../generated/client.js';

/** The end of each partition's log, and violated invariants of the log as a whole. */
export const PARTITION_STATES = Prisma.sql`
  SELECT p.partition, p.position::float8 AS position, p.published_through::float8 AS "publishedThrough",
    p.log_floor::float8 AS "logFloor", p.log_pruned::float8 AS "logPruned", p.receipt_period AS "receiptPeriod",
    greatest(max(p.receipt_period) OVER (), (SELECT max(period) FROM receipt_periods)) AS "lastReceiptPeriod",
    coalesce((SELECT e.position FROM chat_events e WHERE e.partition = p.partition ORDER BY e.position DESC LIMIT 1), 0)::float8 AS highest,
    coalesce((SELECT extract(epoch FROM now() - e.at) FROM chat_events e WHERE e.partition = p.partition AND e.position > p.published_through
      ORDER BY e.position LIMIT 1), 0)::float8 AS "waitedS"
  FROM partitions p ORDER BY p.partition`;

export interface PartitionRow {
  partition: number;
  position: number;
  publishedThrough: number;
  logFloor: number;
  logPruned: number;
  receiptPeriod: number;
  /** The same for all partitions. */
  lastReceiptPeriod: number;
  highest: number;
  waitedS: number;
}

type PartitionFaultKind =
  | 'position-missing'
  | 'position-beyond'
  | 'published-beyond'
  | 'floor-beyond'
  | 'unpublished'
  | 'receipt-period';

function faultOf(partition: number, kind: PartitionFaultKind, detail: string): StoreFault {
  return { kind, chatId: null, partition, detail };
}

export function faultsOfPartition(row: PartitionRow): StoreFault[] {
  const { partition, position, publishedThrough, logFloor, receiptPeriod, lastReceiptPeriod, highest, waitedS } = row;
  const fault = (kind: PartitionFaultKind, detail: string) => faultOf(partition, kind, detail);
  return [
    ...(highest > position
      ? [fault('position-beyond', `the log goes to ${highest}, the partition to ${position}`)]
      : []),
    ...(publishedThrough > position
      ? [fault('published-beyond', `published through ${publishedThrough} of ${position}`)]
      : []),
    ...(logFloor > publishedThrough
      ? [fault('floor-beyond', `the floor is ${logFloor}, published through ${publishedThrough}`)]
      : []),
    ...(waitedS > UNPUBLISHED_MAX_S
      ? [fault('unpublished', `${position - publishedThrough} events wait, the oldest for ${Math.floor(waitedS)} s`)]
      : []),
    ...(receiptPeriod !== lastReceiptPeriod
      ? [
          fault(
            'receipt-period',
            `receipts are stored in period ${receiptPeriod}, the present one is ${lastReceiptPeriod}`,
          ),
        ]
      : []),
  ];
}

/** The content of a range of a partition's log, in one snapshot with the partition's floor. */
export interface LogStretchRow {
  /** At or below this position the range may have gaps; above it, it must not. */
  start: number;
  below: number;
  above: number;
  firstMissing: number;
  homeless: number;
  homelessChat: string | null;
  homelessFirst: number | null;
}

/** Positions after `after` up to `to`, with each event's chat. */
export function logStretch(partition: number, after: number, to: number): Prisma.Sql {
  return Prisma.sql`
    WITH here AS (
      SELECT greatest(${after}::int8, least(log_floor, ${to}::int8)) AS start FROM partitions WHERE partition = ${partition}),
    stretch AS (
      SELECT e.position, e.chat_id, h.start, row_number() OVER (PARTITION BY e.position > h.start ORDER BY e.position) + h.start AS expected
      FROM here h, chat_events e WHERE e.partition = ${partition} AND e.position > ${after} AND e.position <= ${to}),
    counted AS (
      SELECT count(*) FILTER (WHERE position <= start) AS below, count(*) FILTER (WHERE position > start) AS above,
        min(expected) FILTER (WHERE position > start AND position <> expected) AS first_wrong FROM stretch),
    homeless AS (
      SELECT min(chat_id::text) AS chat_id, count(*) AS events, min(position) AS first FROM stretch s
      WHERE chat_id IS NOT NULL AND NOT EXISTS (SELECT FROM chats c WHERE c.chat_id = s.chat_id))
    SELECT h.start::float8 AS start, c.below::float8 AS below, c.above::float8 AS above,
      coalesce(c.first_wrong, h.start + c.above + 1)::float8 AS "firstMissing",
      l.events::float8 AS homeless, l.chat_id AS "homelessChat", l.first::float8 AS "homelessFirst"
    FROM here h, counted c, homeless l`;
}

export function faultsOfStretch(partition: number, to: number, row: LogStretchRow): StoreFault[] {
  const missing = to - row.start - row.above;
  const faults: StoreFault[] = [];
  if (missing > 0) {
    const detail = `${missing} positions are not there, the first is ${row.firstMissing}`;
    faults.push(faultOf(partition, 'position-missing', detail));
  }
  if (row.homeless > 0) {
    const detail = `${row.homeless} events, the first at ${row.homelessFirst}`;
    faults.push({ kind: 'event-without-chat', chatId: row.homelessChat, partition, detail });
  }
  return faults;
}

/**
 * The number of missing events at or below the floor must equal the number of pruned events. Pruning may continue
 * during the check. Then the number must be between the value at the start and the value at the end.
 */
export function faultsBelowFloor(
  partition: number,
  missing: number,
  pruned: { first: number; last: number },
): StoreFault[] {
  if (missing >= pruned.first && missing <= pruned.last) return [];
  const detail = `${missing} positions are not there at or below the floor, ${pruned.last} rejected commands were pruned`;
  return [faultOf(partition, 'position-missing', detail)];
}
