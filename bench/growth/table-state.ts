import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { RECEIPT_TABLES } from '../measuring/receipt-tables.js';

export interface TableState {
  table: string;
  bytes: number;
  indexBytes: number;
  live: number;
  dead: number;
  updates: number;
  /** Updates that changed no index (heap-only tuples). */
  hot: number;
  autovacuums: number;
}

export const WATCHED = [
  'partitions',
  'chats',
  'members',
  'messages',
  'chat_events',
  ...RECEIPT_TABLES,
  'decisions',
  'reactions',
  'workers',
];

export async function tableStates(sql: pg.Client): Promise<TableState[]> {
  const { rows } = await sql.query<TableState>(
    `SELECT relname AS table, pg_table_size(relid)::float8 AS bytes, pg_indexes_size(relid)::float8 AS "indexBytes",
       n_live_tup::float8 AS live, n_dead_tup::float8 AS dead, n_tup_upd::float8 AS updates, n_tup_hot_upd::float8 AS hot,
       autovacuum_count::float8 AS autovacuums
     FROM pg_stat_user_tables WHERE relname = ANY ($1)`,
    [WATCHED],
  );
  return WATCHED.flatMap((table) => rows.filter((row) => row.table === table));
}

export interface Bloat {
  relation: string;
  bytes: number;
  /** Percent. For an index: unused space in its leaf pages. */
  dead: number;
  free: number;
}

/** Reads the whole table: only for the end of a run. */
export async function measureBloat(sql: pg.Client): Promise<Bloat[]> {
  await sql.query('CREATE EXTENSION IF NOT EXISTS pgstattuple');
  const found: Bloat[] = [];
  for (const table of WATCHED) {
    const { rows } = await sql.query(
      `SELECT table_len::float8 AS bytes, dead_tuple_percent AS dead, free_percent AS free FROM pgstattuple('${table}')`,
    );
    found.push({ relation: table, ...rows[0] });
  }
  const { rows: indexes } = await sql.query<Bloat>(
    `SELECT indexrelid::regclass::text AS relation, (s).index_size::float8 AS bytes, 0 AS dead,
       CASE WHEN (s).avg_leaf_density = 'NaN' THEN 0 ELSE 100 - (s).avg_leaf_density END AS free
     FROM (SELECT i.indexrelid, pgstatindex(i.indexrelid::regclass) AS s FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND i.indrelid::regclass::text = ANY ($1)) x ORDER BY 2 DESC`,
    [WATCHED],
  );
  return [...found, ...indexes];
}

/** Linux only; 0 elsewhere. */
export function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
