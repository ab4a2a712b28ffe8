import { RECEIPT_TABLES } from '../measuring/receipt-tables.js';
import { withSql } from './stand.js';

export interface Disk {
  table: string;
  /** Null: the table itself, with its TOAST table. */
  index: string | null;
  bytes: number;
  rows: number;
  /** Share of the bytes that belongs to messages: all, except in the log, which has other events too. */
  share: number;
}

const TABLES = ['messages', 'chat_events', 'message_search', ...RECEIPT_TABLES, 'decisions', 'members', 'chats'];
/** By the size of the rows, and by their number. A row takes four more bytes in its page. */
const SENT_SHARES = `
  (sum(pg_column_size(t.*) + 4) FILTER (WHERE type = 'message.created'))::float8 / sum(pg_column_size(t.*) + 4) AS of_bytes,
  (count(*) FILTER (WHERE type = 'message.created'))::float8 / nullif(count(*), 0) AS of_rows`;
const WHOLE = '1::float8 AS of_bytes, 1::float8 AS of_rows';

interface SizeRow {
  index: string | null;
  bytes: string;
  rows: string;
  share: number | null;
}

/** @returns each table and each of its indexes; rows are counted one by one */
export async function measureDisk(url: string): Promise<Disk[]> {
  return withSql(url, async (sql) => {
    const found: Disk[] = [];
    for (const table of TABLES) {
      const { rows } = await sql.query<SizeRow>(`
        WITH counted AS (SELECT count(*) AS rows, ${table === 'chat_events' ? SENT_SHARES : WHOLE} FROM ${table} t)
        SELECT NULL AS index, pg_table_size('${table}') AS bytes, rows, of_bytes AS share FROM counted
        UNION ALL (SELECT indexrelid::regclass::text, pg_relation_size(indexrelid), rows, of_rows FROM pg_index, counted
          WHERE indrelid = '${table}'::regclass ORDER BY 1)`);
      for (const { index, bytes, rows: count, share } of rows)
        found.push({ table, index, bytes: Number(bytes), rows: Number(count), share: share ?? 1 });
    }
    return found;
  });
}

export const bytesPerRow = ({ bytes, rows }: Disk) => (rows === 0 ? 0 : bytes / rows);

/** Bytes of a message and its event, with all their indexes. */
export function bytesPerMessage(disk: readonly Disk[]): number {
  const messages = disk.find(({ table }) => table === 'messages')?.rows ?? 0;
  const bytes = disk
    .filter(({ table }) => table === 'messages' || table === 'chat_events')
    .reduce((sum, one) => sum + one.bytes * one.share, 0);
  return messages === 0 ? 0 : bytes / messages;
}
