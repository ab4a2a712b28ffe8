import { query } from '../running/private-services.js';
import { tableName } from './receipt-tables.js';

/** Bytes per message, from a run of messages of 200 bytes: the rows of a table with its indexes. */
export interface DiskFigures {
  messages: number;
  messageRows: number;
  eventRows: number;
  searchIndex: number;
  receipts: number;
  decisions: number;
  /** Bytes of each table and index. */
  parts: { name: string; bytes: number }[];
  /** Tables and indexes that this database does not have; they count as 0. */
  missing: string[];
}

export interface Size {
  name: string;
  table: string;
  bytes: number;
}

const SEARCH_INDEX = 'message_search_words_idx';
const SEARCH_TABLE = 'message_search';
const TABLES = ['messages', 'chat_events', SEARCH_TABLE, 'receipts', 'decisions'];

/**
 * Bytes of the tables that a message is written to, after the pending list of the search index is merged. The maps of
 * free and visible pages are not counted: with few messages they would be most of the bytes, with many almost none.
 */
export async function tableSizes(databaseUrl: string): Promise<Size[]> {
  // Does nothing without the index: the function is strict.
  await query(databaseUrl, 'SELECT gin_clean_pending_list(to_regclass($1))', [SEARCH_INDEX]);
  return query<Size>(
    databaseUrl,
    `SELECT c.relname AS name, ${tableName('coalesce(t.relname, c.relname)')} AS "table",
       (pg_relation_size(c.oid) + CASE c.reltoastrelid WHEN 0 THEN 0 ELSE pg_relation_size(c.reltoastrelid) END)::float8 AS bytes
     FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
     WHERE ${tableName('coalesce(t.relname, c.relname)')} = ANY ($1) AND c.relkind IN ('r', 'i')
     ORDER BY "table", c.relkind DESC, name`,
    [TABLES],
  );
}

export function diskFigures(before: readonly Size[], after: readonly Size[], messages: number): DiskFigures {
  const grown = after.map(({ name, table, bytes }) => {
    const was = before.find((one) => one.name === name)?.bytes ?? 0;
    return { name, table, bytes: (bytes - was) / messages };
  });
  const sum = (of: (size: Size) => boolean) => grown.filter(of).reduce((total, { bytes }) => total + bytes, 0);
  return {
    messages,
    messageRows: sum(({ table }) => table === 'messages'),
    eventRows: sum(({ table }) => table === 'chat_events'),
    searchIndex: sum(({ table }) => table === SEARCH_TABLE),
    receipts: sum(({ table }) => table === 'receipts'),
    decisions: sum(({ table }) => table === 'decisions'),
    parts: grown.map(({ name, bytes }) => ({ name, bytes })),
    missing: [
      ...TABLES.filter((name) => !after.some(({ table }) => table === name)),
      ...(after.some(({ name }) => name === SEARCH_INDEX) ? [] : [SEARCH_INDEX]),
    ],
  };
}
