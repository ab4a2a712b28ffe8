/**
 * Rows that no page can hold are not read: the texts of 200 messages can be 13 MB, of which an answer holds 1 MiB. Sizes are at most what a row
 * comes to in JSON, so that pages are cut by what measures the JSON, and never here before it.
 */
import { PAGE_MAX_BYTES } from '../../../../contract/rest/requests.js';
import { Prisma } from '../generated/client.js';

/** Of a column of type json, null included: stored with blanks, it can be longer than what it comes to, by less than twice. */
const jsonBytes = (column: string) => `COALESCE(octet_length(${column}::text) / 2, 0)`;

/** Of a row `p` of messages. The length of a text is known without reading it. */
export const MESSAGE_BYTES = Prisma.raw(`COALESCE(octet_length(p.body), 0)
  + ${['p.mentions', 'p.attachments', 'p.metadata'].map(jsonBytes).join(' + ')}`);

/** Of `chat_events e`, with the texts beside it. */
export const EVENT_BYTES = Prisma.raw(`COALESCE(octet_length(v.body), octet_length(g.body), 0)
  + ${['e.payload', 'g.attachments', 'g.metadata'].map(jsonBytes).join(' + ')}`);

/** What it says of each row that is left. */
export interface PageRow {
  /** How many rows there were before any was left out. */
  pageRows: number;
}

const GIVEN_BYTES = Prisma.raw('p.bytes');

/**
 * `rows` selects at most a page, in that order. Of these rows, which are `p` for `order` and `bytes`, the first ones, up to the one with which
 * a page is full; at least one.
 */
export function withinPageBytes(rows: Prisma.Sql, order: Prisma.Sql, bytes: Prisma.Sql = GIVEN_BYTES): Prisma.Sql {
  return Prisma.sql`
    SELECT * FROM (
      SELECT p.*, (count(*) OVER ())::int4 AS "pageRows", COALESCE(sum(${bytes}) OVER (
        ORDER BY ${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::int4 AS "bytesBefore"
      FROM (${rows}) p) w
    WHERE w."bytesBefore" < ${PAGE_MAX_BYTES}::int4`;
}
