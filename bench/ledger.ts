import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Answers } from './answers.js';
import type { DispatchWatch } from './dispatch-watch.js';

/** A worker saves every half second how far it has published. */
const PUBLISHED_LIMIT_MS = 10_000;
const POLL_INTERVAL_MS = 50;

/** What became of a run's commands: what was asked for, what the database holds, what came to dispatch. */
export interface Ledger {
  attempted: number;
  receipted: number;
  /** Commands with a receipt in the database. */
  stored: number;
  /** Events known to be confirmed, as the service itself has noted; null where it notes nothing. */
  published: number | null;
  dispatched: number;
  /** Events that were to come and did not. */
  lost: number;
  /** Events beyond one a command. */
  duplicated: number;
  reordered: number;
  gaps: number;
  /** Answers other than expected. */
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

/** Where the log and the receipts stood before a run: only what has come since is looked at. */
export interface LedgerMark {
  at: Date;
  partitions: number[];
  /** The last position of each in use. */
  positions: number[];
  published: number;
}

/** Clocks of one machine; a receipt's time is that of its batch, which began before. */
const SLACK_MS = 1_000;

export async function openLedger(databaseUrl: string): Promise<LedgerMark> {
  return connected(databaseUrl, async (client) => {
    const { rows } = await client.query<{ partition: number; position: number }>(
      `SELECT partition, coalesce((SELECT max(position) FROM chat_events e WHERE e.partition = p.partition), 0)::float8 AS position
       FROM partitions p`,
    );
    return {
      at: new Date(Date.now() - SLACK_MS),
      partitions: rows.map(({ partition }) => partition),
      positions: rows.map(({ position }) => position),
      published: (await positions(client)).published,
    };
  });
}

/**
 * The ledger of the run whose commands' ids begin with the prefix, and why it does not close; no faults: it does.
 * @param notesPublished whether the service notes how far it has published
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

/** Where the ledger does not close, in words. */
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

async function countRows(client: pg.Client, { at, partitions, positions }: LedgerMark, prefix: string): Promise<Rows> {
  const { rows } = await client.query<Rows>(
    `SELECT (SELECT count(*)::int FROM receipts WHERE created_at >= $4 AND starts_with(command_id, $1)) AS stored,
       count(*)::int AS events, count(DISTINCT e.command_id)::int AS commands, count(m.message_id)::int AS messages
     FROM unnest($2::int4[], $3::int8[]) AS mark (partition, position)
     JOIN chat_events e ON e.partition = mark.partition AND e.position > mark.position
     LEFT JOIN messages m ON e.type = 'message.created' AND m.chat_id = e.chat_id AND m.sequence = e.sequence
     WHERE starts_with(e.command_id, $1)`,
    [prefix, partitions, positions, at],
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
