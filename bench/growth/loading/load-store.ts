import pg from 'pg';
import { SEARCH_CONSUMER } from '../../../src/application/search/search-indexer.js';
import { migrate } from '../../../src/infrastructure/postgres/migrations.js';
import { RECEIPT_TABLES } from '../../measuring/receipt-tables.js';
import { COUNT_USER_CHATS } from '../../population/user-chats.js';
import { showProgress } from '../../running/progress.js';
import { buildIndexes, takeIndexes } from './bulk-indexes.js';
import { CopyLines } from './copy-lines.js';
import { LoadedChats, type LoadSize } from './loaded-chats.js';
import { COLUMNS, LoadedRows, type LoadedTable } from './loaded-rows.js';

/** Of the large tables. Rows of several partitions arrive interleaved, as they would from workers. */
const COPIES_A_TABLE = 2;
const BULK_TABLES = ['messages', 'message_search', 'chat_events', ...RECEIPT_TABLES, 'members'];
const SESSION = `SET work_mem = '256MB'; SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 1;
  SET synchronous_commit = off; SET statement_timeout = 0`;

export interface LoadOptions extends LoadSize {
  /**
   * Whether the indexes of keys grow with the rows, as in use; otherwise they are built at the end, faster and denser.
   */
  keepIndexes: boolean;
}

/** Migrates and fills an empty database. Chats are assigned to partitions as by the in-process transport. */
export async function loadStore(url: string, options: LoadOptions): Promise<void> {
  await migrate({ url, folder: 'prisma/migrations' });
  const connect = async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(SESSION);
    return client;
  };
  const sql = await connect();
  try {
    const { rows } = await sql.query('SELECT 1 FROM chats LIMIT 1');
    if (rows.length > 0) throw new Error('the database is not empty');
    const taken = await takeIndexes(sql, BULK_TABLES, options.keepIndexes ? 'words' : 'all');
    const positions = await copyRows(url, options);
    await sql.query(
      `INSERT INTO partitions (partition, position, published_through) SELECT n - 1, p, p FROM unnest($1::int8[]) WITH ORDINALITY AS w(p, n)`,
      [[...positions]],
    );
    await sql.query(
      `INSERT INTO event_cursors (name, partition, position)
       SELECT $1, partition, position FROM partitions UNION ALL SELECT $1, -1, 0`,
      [SEARCH_CONSUMER],
    );
    await sql.query(`UPDATE store SET partitions = $1, placement = 'in-process'`, [options.partitions]);
    await sql.query(COUNT_USER_CHATS);
    const building = showProgress('building indexes', taken.length);
    await buildIndexes(taken, connect, building.at);
    building.end();
    const tidying = showProgress('vacuum', 1);
    await sql.query('VACUUM (ANALYZE)');
    await sql.query('CHECKPOINT');
    tidying.end();
  } finally {
    await sql.end();
  }
}

/** @returns the last position of the log of each partition */
async function copyRows(url: string, options: LoadOptions): Promise<Float64Array> {
  const copies = new Map<LoadedTable, CopyLines[]>();
  try {
    for (const [table, columns] of Object.entries(COLUMNS) as [LoadedTable, string][]) {
      // Ids ascend with time. Concurrent COPYs would insert them out of order, unlike the batches of workers.
      const isShared = !options.keepIndexes && ['messages', 'message_search', 'chat_events'].includes(table);
      const count = isShared ? COPIES_A_TABLE : 1;
      const open: CopyLines[] = [];
      copies.set(table, open);
      for (let n = 0; n < count; n += 1) open.push(await CopyLines.begin(url, table, columns));
    }
    const chats = new LoadedChats(options);
    const rows = new LoadedRows(options, chats, (table, partition, line) => {
      const open = copies.get(table) ?? [];
      return open[partition % open.length]?.take(line);
    });
    await rows.createChats();
    const sending = showProgress('messages', options.messages);
    await rows.sendMessages(sending.at);
    sending.end();
    await rows.finish();
    for (const copy of [...copies.values()].flat()) await copy.end();
    return rows.positions;
  } catch (error) {
    for (const copy of [...copies.values()].flat()) await copy.abandon();
    throw error;
  }
}
