import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Answers } from './answers.js';
import type { DispatchWatch } from './dispatch-watch.js';

/** Maximum wait for the published position. A worker saves it every half second. */
const PUBLISHED_LIMIT_MS = 10_000;
const POLL_INTERVAL_MS = 50;

/** The results of a run: the expected rows and events, those in the database, and those at dispatch. */
export interface Ledger {
  attempted: number;
  receipted: number;
  /** Number of commands with a receipt in the database. */
  stored: number;
  /** Events that the service has saved as published; null if it saves nothing. */
  published: number | null;
  dispatched: number;
  /** Expected events that did not arrive. */
  lost: number;
  /** Events beyond one per command. */
  duplicated: number;
  reordered: number;
  gaps: number;
  /** Answers that differ from the expected ones. */
  unexpected: number;
}

export interface Expected {
  stored: number;
  events: number;
  messages: number;
}

interface Rows {
  stored: number;
  events: number;
  commands: number;
  messages: number;
}

/** The end of the log and the number of receipts before a run; only later rows are examined. */
export interface LedgerMark {
  receipts: number;
  partitions: number[];
  /** The last position of each partition in use. */
  positions: number[];
  published: number;
}

export async function openLedger(databaseUrl: string): Promise<LedgerMark> {
  return connected(databaseUrl, async (client) => {
    const [before] = (await client.query<{ receipts: number }>('SELECT count(*)::int AS receipts FROM receipts')).rows;
    const { rows } = await client.query<{ partition: number; position: number }>(
      `SELECT partition, coalesce((SELECT max(position) FROM chat_events e WHERE e.partition = p.partition), 0)::float8 AS position
       FROM partitions p`,
    );
    return {
      receipts: before?.receipts ?? 0,
      partitions: rows.map(({ partition }) => partition),
      positions: rows.map(({ position }) => position),
      published: (await positions(client)).published,
    };
  });
}

/**
 * The ledger of the run whose command ids begin with the prefix, and its faults; without faults it closes.
 * @param notesPublished whether the service saves the published position
 */
export async function closeLedger(
  databaseUrl: string,
  mark: LedgerMark,
  prefix: string,
  answers: Answers,
  dispatch: DispatchWatch,
  notesPublished: boolean,
): Promise<{ ledger: Ledger; faults: string[] }> {
  const { expected } = answers;
  return connected(databaseUrl, async (client) => {
    const rows = await countRows(client, mark, prefix);
    const ledger: Ledger = {
      attempted: answers.attempted,
      receipted: answers.receipted,
      stored: rows.stored,
      published: notesPublished ? (await allPublished(client)) - mark.published : null,
      dispatched: dispatch.arrived,
      lost: Math.max(0, expected.events - dispatch.arrived),
      duplicated: rows.events - rows.commands,
      reordered: dispatch.reordered,
      gaps: dispatch.gaps,
      unexpected: answers.unexpected,
    };
    return { ledger, faults: [...faultsOf(ledger, expected, rows), ...answers.examples] };
  });
}

/** The faults of a ledger, in words. */
export function faultsOf(ledger: Ledger, expected: Expected, rows: Pick<Rows, 'events' | 'messages'>): string[] {
  const differs = (what: string, is: number, ought: number) => (is === ought ? [] : [`${is} of ${ought} ${what}`]);
  const some = (what: string, count: number) => (count === 0 ? [] : [`${count} ${what}`]);
  return [
    ...differs('receipted', ledger.receipted, ledger.attempted),
    ...differs('stored', ledger.stored, expected.stored),
    ...differs('messages there', rows.messages, expected.messages),
    ...differs('events in the log', rows.events, expected.events),
    ...(ledger.published === null ? [] : differs('events published', ledger.published, expected.events)),
    ...differs('dispatched', ledger.dispatched, expected.events),
    ...some('effects twice', ledger.duplicated),
    ...some('out of order', ledger.reordered),
    ...some('missing in their chats', ledger.gaps),
    ...some('answers not as expected', ledger.unexpected),
  ];
}

async function countRows(
  client: pg.Client,
  { receipts, partitions, positions }: LedgerMark,
  prefix: string,
): Promise<Rows> {
  const { rows } = await client.query<Rows>(
    `SELECT (SELECT count(*)::int FROM receipts) - $4::int AS stored,
       count(*)::int AS events, count(DISTINCT e.command_id)::int AS commands, count(m.message_id)::int AS messages
     FROM unnest($2::int4[], $3::int8[]) AS mark (partition, position)
     JOIN chat_events e ON e.partition = mark.partition AND e.position > mark.position
     LEFT JOIN messages m ON e.type = 'message.created' AND m.chat_id = e.chat_id AND m.sequence = e.sequence
     WHERE starts_with(e.command_id, $1)`,
    [prefix, partitions, positions, receipts],
  );
  return rows[0] ?? { stored: 0, events: 0, commands: 0, messages: 0 };
}

async function allPublished(client: pg.Client): Promise<number> {
  const deadline = performance.now() + PUBLISHED_LIMIT_MS;
  for (;;) {
    const { published, position } = await positions(client);
    if (published === position || performance.now() > deadline) return published;
    await sleep(POLL_INTERVAL_MS);
  }
}

async function positions(client: pg.Client): Promise<{ published: number; position: number }> {
  const { rows } = await client.query<{ published: number; position: number }>(
    'SELECT coalesce(sum(published_through), 0)::float8 AS published, coalesce(sum(position), 0)::float8 AS position FROM partitions',
  );
  return rows[0] ?? { published: 0, position: 0 };
}

async function connected<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
