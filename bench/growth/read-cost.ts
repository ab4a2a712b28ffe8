/** Queries on two stores in turns: their latency, and the number of pages that PostgreSQL touches. */
import pg from 'pg';
import type { Prisma, PrismaClient } from '../../src/adapters/stores/prisma/generated/client.js';
import { openDatabase } from '../../src/adapters/stores/prisma/prisma-database.js';
import { showProgress } from '../running/progress.js';
import { buffersOf, listening } from './buffers.js';
import { quantile } from './chat-traffic.js';
import type { LoadedChats } from './loading/loaded-chats.js';
import { findPlaces, type Places, type Read, reads } from './reads.js';

/** Calls before the measurement, to warm up connections, plans and caches. */
const WARM_UP = 20;
/** Number of calls that are executed again with EXPLAIN. */
const EXPLAINED = 30;
/** Time limit for one query on one store: a slow query is called less often. */
const TIME_LIMIT_MS = 20_000;
const POOL_SIZE = 2;

export interface ReadFigures {
  name: string;
  isHistory: boolean;
  /** Of each store, in the given order. */
  stores: {
    samples: number;
    p50: number;
    p99: number;
    statements: number;
    buffersMedian: number;
    buffersMax: number;
  }[];
}

interface Reader {
  database: PrismaClient;
  sql: pg.Client;
  places: Places;
  chats: LoadedChats;
}

export async function measureReads(
  stores: readonly { url: string; chats: LoadedChats }[],
  samples: number,
  stopping: AbortSignal,
): Promise<ReadFigures[]> {
  const readers: Reader[] = [];
  try {
    for (const { url, chats } of stores) {
      const database = openDatabase({ url, poolSize: POOL_SIZE });
      const sql = new pg.Client({ connectionString: url });
      await sql.connect();
      readers.push({ database, sql, chats, places: await findPlaces(database, chats) });
    }
    const lists = readers.map(({ chats, places }) => reads(chats, places));
    const figures: ReadFigures[] = [];
    const progress = showProgress('queries', lists[0]?.length ?? 0);
    for (const [index, { name, isHistory }] of (lists[0] ?? []).entries()) {
      progress.at(index);
      const same = lists.map((list) => list[index] as Read);
      const latencies = await time(readers, same, samples, stopping);
      const measured: ReadFigures = { name, isHistory, stores: [] };
      for (const [store, reader] of readers.entries()) {
        const { statements, buffers } = await explain(reader, same[store] as Read);
        const times = latencies[store] ?? [];
        measured.stores.push({
          ...{ samples: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), statements },
          ...{ buffersMedian: quantile(buffers, 0.5), buffersMax: Math.max(...buffers) },
        });
      }
      figures.push(measured);
    }
    progress.end();
    return figures;
  } finally {
    for (const { database, sql } of readers) {
      await sql.end();
      await database.$disconnect();
    }
  }
}

/** In turns: a temporary slowdown of the machine slows both. */
async function time(
  readers: readonly Reader[],
  same: readonly Read[],
  samples: number,
  stopping: AbortSignal,
): Promise<number[][]> {
  const latencies: number[][] = readers.map(() => []);
  const deadline = performance.now() + TIME_LIMIT_MS * readers.length;
  for (let n = 0; n < WARM_UP + samples && performance.now() < deadline; n += 1)
    for (const [store, { database }] of readers.entries()) {
      stopping.throwIfAborted();
      const began = performance.now();
      await same[store]?.ask(database, n);
      if (n >= WARM_UP) latencies[store]?.push(performance.now() - began);
    }
  return latencies;
}

/** All statements of one call together. */
async function explain({ database, sql }: Reader, read: Read): Promise<{ statements: number; buffers: number[] }> {
  const buffers: number[] = [];
  let most = 0;
  for (let n = 0; n < EXPLAINED; n += 1) {
    const sent: Prisma.Sql[] = [];
    await read.ask(
      listening(database, (statement) => sent.push(statement)),
      n,
    );
    let sum = 0;
    for (const statement of sent) sum += await buffersOf(sql, statement);
    buffers.push(sum);
    most = Math.max(most, sent.length);
  }
  return { statements: most, buffers };
}
