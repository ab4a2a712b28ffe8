import { query } from '../running/private-services.js';

/** Bytes per message, from a run of messages of 200 bytes: the rows of a table with its indexes. */
export interface DiskFigures {
  messages: number;
  /** Rows and all indexes except the search index. */
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

const TABLES = ['messages', 'chat_events', 'receipts', 'decisions'];
const SEARCH_INDEX = 'messages_search_idx';

/**
 * Bytes of the tables that a message is written to, after the pending list of the search index is merged. The maps of
 * free and visible pages are not counted: with few messages they would be most of the bytes, with many almost none.
 */
export async function tableSizes(databaseUrl: string): Promise<Size[]> {
  // Does nothing without the index: the function is strict.
  await query(databaseUrl, 'SELECT gin_clean_pending_list(to_regclass($1))', [SEARCH_INDEX]);
  return query<Size>(
    databaseUrl,
    `SELECT c.relname AS name, coalesce(t.relname, c.relname) AS "table",
       (pg_relation_size(c.oid) + CASE c.reltoastrelid WHEN 0 THEN 0 ELSE pg_relation_size(c.reltoastrelid) END)::float8 AS bytes
     FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
     WHERE coalesce(t.relname, c.relname) = ANY ($1) AND c.relkind IN ('r', 'i')
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
  const isSearch = ({ name }: Size) => name === SEARCH_INDEX;
  return {
    messages,
    messageRows: sum((size) => size.table === 'messages' && !isSearch(size)),
    eventRows: sum(({ table }) => table === 'chat_events'),
    searchIndex: sum(isSearch),
    receipts: sum(({ table }) => table === 'receipts'),
    decisions: sum(({ table }) => table === 'decisions'),
    parts: grown.map(({ name, bytes }) => ({ name, bytes })),
    missing: [...TABLES, SEARCH_INDEX].filter((name) => !after.some((size) => size.name === name)),
  };
}
