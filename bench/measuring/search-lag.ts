/** How far the search index is behind the log, by the database itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SEARCH_CONSUMER } from '../../src/application/search/search-indexer.js';
import { query } from '../running/private-services.js';

const POLL_MS = 50;

export interface SearchLag {
  events: number;
  /** Age of the oldest event that is not indexed. */
  seconds: number;
}

export interface SearchFigures {
  /** At the end of the load. */
  lag: SearchLag;
  /** Seconds from then until everything was indexed. */
  caughtUpSeconds: number;
}

/** Null if the database has no cursors of an indexer. */
export async function searchLag(databaseUrl: string): Promise<SearchLag | null> {
  const [row] = await query<{ cursors: number; events: number; seconds: number }>(
    databaseUrl,
    `SELECT count(*)::int4 AS cursors, coalesce(sum(p.position - c.position), 0)::float8 AS events,
       coalesce(max(extract(epoch FROM now() - (SELECT e.at FROM chat_events e
         WHERE e.partition = p.partition AND e.position > c.position ORDER BY e.position LIMIT 1))), 0)::float8 AS seconds
     FROM event_cursors c JOIN partitions p ON p.partition = c.partition WHERE c.name = '${SEARCH_CONSUMER}'`,
  );
  return row === undefined || row.cursors === 0 ? null : { events: row.events, seconds: row.seconds };
}

/** Waits until everything is indexed. Null if nothing is indexed at all. */
export async function untilIndexed(databaseUrl: string, stopping?: AbortSignal): Promise<SearchFigures | null> {
  const startedAt = performance.now();
  const lag = await searchLag(databaseUrl);
  if (lag === null) return null;
  for (let left = lag.events; left > 0; left = (await searchLag(databaseUrl))?.events ?? 0)
    await sleep(POLL_MS, undefined, stopping === undefined ? {} : { signal: stopping });
  return { lag, caughtUpSeconds: (performance.now() - startedAt) / 1_000 };
}
