/**
 * Limits the rows that a page reads: the texts of 200 messages can be 13 MB, and a response holds 1 MiB. The size of a
 * row is never overestimated. So the code that measures the JSON makes the final cut, and this never cuts too early.
 */
import { PAGE_MAX_BYTES } from '../../../../contract/rest/requests.js';
import { Prisma } from '../generated/client.js';

/**
 * For a column of type json, null included. Stored with whitespace, it can be longer than its output, but less than
 * twice as long.
 */
const jsonBytes = (column: string) => `COALESCE(octet_length(${column}::text) / 2, 0)`;

/** For a row `p` of messages. The length of a text is known without reading it. */
export const MESSAGE_BYTES = Prisma.raw(`COALESCE(octet_length(p.body), 0)
  + ${['p.mentions', 'p.attachments', 'p.metadata'].map(jsonBytes).join(' + ')}`);

/** For `chat_events e`, with the texts beside it. */
export const EVENT_BYTES = Prisma.raw(`COALESCE(octet_length(v.body), octet_length(g.body), 0)
  + ${['e.payload', 'g.attachments', 'g.metadata'].map(jsonBytes).join(' + ')}`);

/** Added to each returned row. */
export interface PageRow {
  /** The number of rows before the limit by size. */
  pageRows: number;
}

const GIVEN_BYTES = Prisma.raw('p.bytes');

/**
 * `rows` selects at most a page, in that order, and is named `p` in `order` and `bytes`. Returns the first rows, up to
 * the one that fills a page, and at least one.
 */
export function withinPageBytes(rows: Prisma.Sql, order: Prisma.Sql, bytes: Prisma.Sql = GIVEN_BYTES): Prisma.Sql {
  return Prisma.sql`
    SELECT * FROM (
      SELECT p.*, (count(*) OVER ())::int4 AS "pageRows", COALESCE(sum(${bytes}) OVER (
        ORDER BY ${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int4 AS "bytesBefore"
      FROM (${rows}) p) w
    WHERE w."bytesBefore" < ${PAGE_MAX_BYTES}::int4`;
}
