/**
 * The Prisma client on its connection pool. Every wait has a timeout, and each is shorter than the one that would clean
 * up after it: statement < silence < transaction.
 */
import { Socket } from 'node:net';
import { PrismaPg } from '@prisma/adapter-pg';
import { SafePgClient } from '../../../infrastructure/postgres/safe-pg-client.js';
import { PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/** To open a connection, and to wait for a free one. */
export const CONNECT_TIMEOUT_MS = 5_000;
/**
 * For one statement including lock waits, except for those of batches. It is longer than a suspended process can hold
 * rows in a transaction (IDLE_IN_TRANSACTION_TIMEOUT_MS), because others wait for them.
 */
export const STATEMENT_TIMEOUT_MS = 15_000;
/** The same for a REST query, whose cost depends on the caller's request. */
export const QUERY_TIMEOUT_MS = 2_000;
/**
 * Maximum lock wait of a batch. So a batch does not hold its own locks for long, and a statement that times out was
 * working, not waiting. The batch is retried.
 */
export const BATCH_LOCK_TIMEOUT_MS = 200;
/**
 * The server ends a transaction whose client is silent for this long, so that a suspended process releases its rows.
 */
export const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
/** A server that is silent for this long is considered dead, whatever TCP reports. The connection is destroyed. */
export const SILENCE_TIMEOUT_MS = 20_000;
/**
 * An idle connection is closed after this time. It is below SILENCE_TIMEOUT_MS, so that only a connection in use can be
 * silent for that long.
 */
export const POOL_IDLE_TIMEOUT_MS = 10_000;
/** For one piece of an import, from BEGIN to COMMIT. */
export const TRANSACTION_TIMEOUT_MS = 30_000;
/** To get a connection for a transaction and send its BEGIN. */
export const TRANSACTION_START_TIMEOUT_MS = 10_000;

/** The adapter has newer driver types than ours. The driver itself is the same. */
type PoolClientClass = NonNullable<Extract<ConstructorParameters<typeof PrismaPg>[0], { max?: number }>['Client']>;

export interface DatabaseOptions {
  /** `postgresql://…`. */
  url: string;
  /** Maximum number of connections, at least 2. */
  poolSize: number;
  /** Called when a connection is lost. Its user gets the error too. */
  onConnectionError?: (error: Error) => void;
  /** Overrides STATEMENT_TIMEOUT_MS. 0 means no limit. */
  statementTimeoutMs?: number;
  /** Overrides SILENCE_TIMEOUT_MS. */
  silenceTimeoutMs?: number;
  /** Only for what batches read and write. */
  forBatches?: boolean;
}

/**
 * Set once per connection. If set per transaction, it would cost each of them a round trip.
 *
 * `jit=off`: no statement runs long enough to repay its compilation of some 200 ms. Where JIT is available, as in the
 * packages of Debian and PGDG, it depends on the estimated cost. Before PostgreSQL 18, each plan node that
 * SESSION_FOR_BATCHES disables adds 1e10 to that.
 */
const SESSION = ['default_transaction_isolation=read\\ committed', 'jit=off'];

/**
 * A batch finds rows by key. Sequential scans are disabled: the planner prefers them for a few hundred keys while
 * tables are small or statistics are old, and it would keep that plan. A custom plan for a few keys looks slightly
 * cheaper each time, so without a forced generic plan most batches would be planned again.
 *
 * Bitmap scans are disabled too. They read all index entries of a key before a LIMIT applies, and read dead ones again
 * each time. Users control how many entries a key has.
 */
export const SESSION_FOR_BATCHES: readonly string[] = [
  ...SESSION,
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'enable_bitmapscan=off',
  'plan_cache_mode=force_generic_plan',
];

/**
 * The typed client reads a time without its offset and writes one without an offset, so the session must be in UTC.
 * Options of the URL cannot change this.
 */
const FORM_OF_TIMES = ['TimeZone=UTC', 'DateStyle=ISO'];

/** Connects at first use. Call `$disconnect()` to close it. */
export function openDatabase(options: DatabaseOptions): PrismaClient {
  const { url, poolSize, onConnectionError } = options;
  const { statementTimeoutMs = STATEMENT_TIMEOUT_MS, silenceTimeoutMs = SILENCE_TIMEOUT_MS } = options;
  const session = options.forBatches === true ? SESSION_FOR_BATCHES : SESSION;
  const adapter = new PrismaPg(
    {
      Client: SafePgClient as unknown as PoolClientClass,
      ...withSession(url, session),
      application_name: 'parley',
      max: Math.max(2, poolSize),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: POOL_IDLE_TIMEOUT_MS,
      statement_timeout: statementTimeoutMs,
      ...(options.forBatches === true ? { lock_timeout: BATCH_LOCK_TIMEOUT_MS } : {}),
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      keepAlive: true,
      stream: () => watchedSocket(silenceTimeoutMs),
    },
    {
      statementNameGenerator: nameStatement,
      ...(onConnectionError === undefined ? {} : { onConnectionError, onPoolError: onConnectionError }),
    },
  );
  // `minimal`: error messages contain no excerpts of our source.
  return new PrismaClient({ adapter, errorFormat: 'minimal' });
}

/** The driver takes `options` from the URL only, if it has any, and the last ones of them. */
function withSession(url: string, session: readonly string[]): { connectionString: string; options?: string } {
  const given = new URLSearchParams(url.split('?', 2)[1]).getAll('options');
  const set = (settings: readonly string[]) => settings.map((setting) => `-c ${setting}`);
  const options = [...set(session), ...given, ...set(FORM_OF_TIMES)].join(' ');
  if (given.length === 0) return { connectionString: url, options };
  return { connectionString: `${url}&${new URLSearchParams({ options })}` };
}

const statementNames = new Map<string, string>();

/** Maximum number of prepared statements per connection. Rarer statements are planned each time. */
export const NAMED_STATEMENTS_MAX = 256;

/**
 * Named statements are planned once per connection. There are few: all values are parameters, and only the kinds of
 * rows that a batch writes change the text.
 */
function nameStatement({ sql, args }: { sql: string; args: unknown[] }): string {
  if (args.length === 0) return '';
  if (!statementNames.has(sql) && statementNames.size >= NAMED_STATEMENTS_MAX) return '';
  const name = statementNames.get(sql) ?? `parley_${statementNames.size + 1}`;
  statementNames.set(sql, name);
  return name;
}

/**
 * A socket that is destroyed if it has no traffic for this long. The statement timeout makes a live server answer
 * earlier, and idle connections are closed earlier, so only dead connections are affected. (The driver's own
 * `query_timeout` would return the connection to the pool in the middle of its transaction.)
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
  'former_memberships',
  'event_cursors',
  'parked_events',
  'relays',
  'live_readers',
  'token_revocations',
  'receipt_periods',
  'webhooks',
  'connected_users',
  'api_keys',
  // An index, whose migration also fills in the column.
  'users_name_key_idx',
];

/** Columns that later migrations have added to these tables. */
const COLUMNS: readonly (readonly [table: string, column: string])[] = [
  ['partitions', 'log_floor'],
  ['partitions', 'log_pruned'],
  ['members', 'hidden_ordinal'],
  ['decisions', 'attributes'],
  ['departures', 'muted_until'],
  ['partitions', 'receipt_period'],
  ['members', 'delivered_sequence'],
  ['users', 'presence'],
  ['users', 'name_key'],
];

/**
 * What the first migration creates last (so a database that has it has the whole migration), and what later migrations
 * have added.
 */
const FUNCTIONS = [
  'abort_unless(boolean, text)',
  'prune_rejected_commands(integer, timestamptz, integer)',
  'chat_search_key(uuid)',
  'receipt_key(text, text, text)',
  'drop_receipts(interval)',
  'begin_receipt_period(interval)',
];

/**
 * Rejects with instructions if the database lacks our tables or has those of an earlier release. Otherwise a worker
 * would acquire leases and then wait without end, as if the database were unavailable. It reads the
 * catalogue, because not every role may read the migration history.
 */
export async function assertMigrated(database: PrismaClient): Promise<void> {
  const tables = COLUMNS.map(([table]) => table);
  const columns = COLUMNS.map(([, name]) => name);
  // Raw: the catalogue.
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

/** Resolves if the database answers. Rejects with a `StoreError`. */
export async function pingDatabase(database: PrismaClient): Promise<void> {
  // Raw: no table.
  await database.$queryRaw`SELECT 1`.catch(rethrow);
}
