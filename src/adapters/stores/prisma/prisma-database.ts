/**
 * The Prisma client on its pool of connections. Every wait has an end, here, and each limit is shorter than the one that
 * would have to clean up after it: statement < silence < transaction.
 */
import { Socket } from 'node:net';
import { PrismaPg } from '@prisma/adapter-pg';
import { HeardPostgresClient } from '../../../infrastructure/postgres/safe-pg-client.js';
import { PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/** To open a connection, and to wait for a free one. */
export const CONNECT_TIMEOUT_MS = 5_000;
/**
 * For one statement, the wait for a lock included, but for those of batches. Longer than a frozen owner may hold its partition's row
 * (IDLE_IN_TRANSACTION_TIMEOUT_MS), which its successor waits for.
 */
export const STATEMENT_TIMEOUT_MS = 15_000;
/** The same for a query of REST, whose cost its caller has in hand. */
export const QUERY_TIMEOUT_MS = 2_000;
/**
 * A batch waits no longer than this for a lock, so that it does not hold those that it has for as long, and so that a statement that times out was at
 * work. It is tried again.
 */
export const BATCH_LOCK_TIMEOUT_MS = 200;
/** A transaction whose client says nothing for so long is ended by the server: a frozen owner lets go of its partition. */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
/** A server that has not said anything for so long is gone, whatever TCP thinks: the connection is destroyed. */
export const SILENCE_TIMEOUT_MS = 20_000;
/** An idle connection is closed after so long; below SILENCE_TIMEOUT_MS, so that only one in use can fall silent. */
export const POOL_IDLE_TIMEOUT_MS = 10_000;
/** For one batch with new chats, or an import's piece, from BEGIN to COMMIT. */
export const TRANSACTION_TIMEOUT_MS = 30_000;
/** To get a transaction's connection and its BEGIN through. */
export const TRANSACTION_START_TIMEOUT_MS = 10_000;

/** The adapter brings newer types of the driver than ours; the driver itself is the same. */
type PoolClientClass = NonNullable<Extract<ConstructorParameters<typeof PrismaPg>[0], { max?: number }>['Client']>;

export interface DatabaseOptions {
  /** `postgresql://…`. */
  url: string;
  /** The most connections at a time; at least 2. */
  poolSize: number;
  /** A connection was lost; whoever was using it gets the error too. */
  onConnectionError?: (error: Error) => void;
  /** Instead of STATEMENT_TIMEOUT_MS; 0: as long as it takes. */
  statementTimeoutMs?: number;
  /** Instead of SILENCE_TIMEOUT_MS. */
  silenceTimeoutMs?: number;
  /** For what batches read and write, and nothing else. */
  forBatches?: boolean;
}

/**
 * Said once a connection: said by each transaction, it would cost each a round trip.
 *
 * `jit=off`: no statement of ours runs long enough to repay its compilation, some 200 ms. Where JIT is built in, as in the packages of Debian and
 * PGDG, it goes by the estimated cost, and before PostgreSQL 18 each node that SESSION_FOR_BATCHES disables counts 1e10.
 */
const SESSION = ['default_transaction_isolation=read\\ committed', 'jit=off'];

/**
 * What a batch asks for is found by key: the planner is kept from scanning a table for the sake of a few hundred keys, which is what it prefers
 * while tables are small or its statistics are old, and what it would then remember. Left the choice, it also plans most batches anew, for a few
 * keys look a little cheaper each time than the many that it has to reckon with.
 *
 * Nor does it read a bitmap: that takes up all entries of an index for a key before a LIMIT counts, and those of rows that are gone each time anew.
 * How many there are for a key is in the users' hands.
 */
export const SESSION_FOR_BATCHES: readonly string[] = [
  ...SESSION,
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'enable_bitmapscan=off',
  'plan_cache_mode=force_generic_plan',
];

/** Connects at first use. `$disconnect()` ends it. */
export function openDatabase(options: DatabaseOptions): PrismaClient {
  const { url, poolSize, onConnectionError } = options;
  const { statementTimeoutMs = STATEMENT_TIMEOUT_MS, silenceTimeoutMs = SILENCE_TIMEOUT_MS } = options;
  const session = options.forBatches === true ? SESSION_FOR_BATCHES : SESSION;
  const adapter = new PrismaPg(
    {
      Client: HeardPostgresClient as unknown as PoolClientClass,
      connectionString: url,
      application_name: 'parley',
      max: Math.max(2, poolSize),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: POOL_IDLE_TIMEOUT_MS,
      statement_timeout: statementTimeoutMs,
      ...(options.forBatches === true ? { lock_timeout: BATCH_LOCK_TIMEOUT_MS } : {}),
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      options: session.map((setting) => `-c ${setting}`).join(' '),
      keepAlive: true,
      stream: () => watchedSocket(silenceTimeoutMs),
    },
    {
      statementNameGenerator: nameStatement,
      ...(onConnectionError === undefined ? {} : { onConnectionError, onPoolError: onConnectionError }),
    },
  );
  // `minimal`: no excerpts of our source in messages.
  return new PrismaClient({ adapter, errorFormat: 'minimal' });
}

const statementNames = new Map<string, string>();

/** A connection keeps at most so many plans; what is rarer is planned each time. */
export const NAMED_STATEMENTS_MAX = 256;

/**
 * Named statements are planned once a connection. Ours are few: everything that varies is a parameter, but for which kinds of rows a batch
 * writes.
 */
function nameStatement({ sql, args }: { sql: string; args: unknown[] }): string {
  if (args.length === 0) return '';
  if (!statementNames.has(sql) && statementNames.size >= NAMED_STATEMENTS_MAX) return '';
  const name = statementNames.get(sql) ?? `parley_${statementNames.size + 1}`;
  statementNames.set(sql, name);
  return name;
}

/**
 * A socket that is destroyed when nothing comes or goes for so long. The statement time-out makes a living server answer
 * before that, and idle connections are closed before it, so this strikes only where an answer will not come. (The driver's own
 * `query_timeout` would hand the connection on in the middle of its transaction.)
 */
function watchedSocket(silenceTimeoutMs: number): Socket {
  const socket = new Socket();
  socket.setTimeout(silenceTimeoutMs, () => {
    socket.destroy(new Error(`PostgreSQL has not answered for ${silenceTimeoutMs} ms`));
  });
  return socket;
}

const TABLES = [
  'store',
  'workers',
  'partitions',
  'users',
  'chats',
  'members',
  'user_chats',
  'messages',
  'chat_events',
  'receipts',
  'poison_attempts',
];

/** Columns that later migrations have added to these tables. */
const COLUMNS: readonly (readonly [table: string, column: string])[] = [
  ['partitions', 'log_floor'],
  ['partitions', 'log_pruned'],
  ['members', 'hidden_ordinal'],
  ['decisions', 'attributes'],
];

/** What the first migration creates last (a database that has it has all of that migration), and what later ones have added. */
const FUNCTIONS = [
  'abort_unless(boolean, text)',
  'prune_rejected_commands(integer, timestamptz, integer)',
  'indexed_text(text)',
];

/**
 * Rejects, saying what to do, if the database has not got our tables, or has them as an earlier release left them: a worker would take partitions
 * over and then wait for ever, as if the database were away. Asks the catalogue, which every role may read; the history of migrations it may not.
 */
export async function assertMigrated(database: PrismaClient): Promise<void> {
  const tables = COLUMNS.map(([table]) => table);
  const columns = COLUMNS.map(([, name]) => name);
  const missing = await database.$queryRaw<{ name: string }[]>`
    SELECT name FROM unnest(${TABLES}::text[]) AS t(name) WHERE to_regclass(quote_ident(name)) IS NULL
    UNION ALL
    SELECT t || '.' || c FROM unnest(${tables}::text[], ${columns}::text[]) AS w(t, c)
    WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(t)) AND attname = c AND NOT attisdropped)
      AND to_regclass(quote_ident(t)) IS NOT NULL
    UNION ALL
    SELECT name FROM unnest(${FUNCTIONS}::text[]) AS f(name) WHERE to_regprocedure(name) IS NULL`.catch(rethrow);
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ');
    throw new Error(`the database is not migrated (missing: ${names}): run \`parley migrate\``);
  }
}

/** Resolves if the database answers; rejects with a `StoreError`. */
export async function pingDatabase(database: PrismaClient): Promise<void> {
  await database.$queryRaw`SELECT 1`.catch(rethrow);
}
