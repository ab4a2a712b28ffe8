/**
 * Applies the migrations.
 *
 * Raw: scripts of data definition, before there are tables.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Migration, matchesChecksum, readMigrations } from './migration-files.js';

export interface MigrationOptions {
  readonly url: string;
  /** Contains one folder per migration, each with a `migration.sql`. They are applied in the order of their names. */
  readonly folder: string;
  readonly log?: (message: string, fields: Record<string, unknown>) => void;
}

/** The key of Prisma's own advisory lock, so that both tools exclude each other. */
const ADVISORY_LOCK = 72707369;
/** Migrations of another process may take long. */
const LOCK_TIMEOUT_MS = 10 * 60_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** The same table as Prisma's engine creates. */
const CREATE_TABLE = `CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`;

/** SQLSTATE active_sql_transaction: the statement (`CREATE INDEX CONCURRENTLY`, …) cannot run inside a transaction. */
const NOT_IN_A_TRANSACTION = '25001';
/** SQLSTATE deadlock_detected and lock_not_available: another session uses the tables. */
const IN_USE = ['40P01', '55P03'];
/** Maximum lock wait of a script per attempt, because later requests for the table queue behind it. */
const GIVE_WAY_AFTER_MS = 1_000;
/** Pause in which the waiting requests run first. */
const GIVE_WAY_FOR_MS = 500;

/**
 * Applies missing migrations, one caller at a time. The history is recorded exactly as by Prisma's `migrate deploy`, so
 * each tool finds nothing to do after the other.
 * @returns the names of the migrations applied by this call, in order
 * @throws Error of one line for an applied migration whose file was edited, for one that failed earlier and was not
 * resolved, for one that fails now, and for a database that has tables but no history, or a history without any of
 * these migrations
 */
export async function migrate(options: MigrationOptions): Promise<string[]> {
  const migrations = await readMigrations(options.folder);
  return withConnection(options.url, async (client) => {
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]); // Released with the connection.
    await client.query('RESET lock_timeout');
    if (!(await historyExists(client))) {
      await refuseForeignTables(client);
      await client.query(CREATE_TABLE);
    }
    const missing = await findMissing(client, migrations, options);
    for (const migration of missing) {
      await apply(client, migration);
      options.log?.('migration applied', { migration: migration.name });
    }
    return missing.map(({ name }) => name);
  });
}

/**
 * The names of the migrations that `migrate` would apply. Changes nothing.
 * @throws like `migrate` for an edited or a failed one
 */
export async function pendingMigrations(options: MigrationOptions): Promise<string[]> {
  const migrations = await readMigrations(options.folder);
  return withConnection(options.url, async (client) => {
    const missing = (await historyExists(client)) ? await findMissing(client, migrations, options) : migrations;
    return missing.map(({ name }) => name);
  });
}

/**
 * Prisma's engine records the start, sends the script as one simple query (which PostgreSQL runs as one transaction),
 * and records the end. If it is killed in between, it leaves a row without an end, which blocks every later start until
 * an operator resolves it. Here the script and its record are one transaction: a killed run leaves nothing, and the
 * next one starts again. A failed script leaves the same row as with Prisma. Statements that cannot run in a
 * transaction run Prisma's way.
 *
 * Workers and REST processes continue meanwhile, and lock the same tables in other orders. A script that waits for one
 * of them, or deadlocks with one, is rolled back and retried, for as long as migrations of another process may take.
 */
async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const id = randomUUID();
  const giveUpAt = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    try {
      await client.query(`BEGIN; SET LOCAL lock_timeout = ${GIVE_WAY_AFTER_MS}`);
      await recordStart(client, id, migration);
      await client.query(migration.script);
      await recordEnd(client, id);
      await client.query('COMMIT');
      return;
    } catch (error) {
      await client.query('ROLLBACK');
      const { code = '' } = error as pg.DatabaseError;
      if (code === NOT_IN_A_TRANSACTION) return applyUnwrapped(client, id, migration);
      if (!IN_USE.includes(code)) return fail(client, id, migration, error as pg.DatabaseError);
      // The migration is fine, and nothing of it was applied: the next call starts again.
      if (performance.now() > giveUpAt)
        throw new Error(`migration ${migration.name}: its tables are in use; run it again`, { cause: error });
    }
    await sleep(GIVE_WAY_FOR_MS);
  }
}

async function applyUnwrapped(client: pg.Client, id: string, migration: Migration): Promise<void> {
  await recordStart(client, id, migration);
  try {
    await client.query(migration.script);
  } catch (error) {
    await fail(client, id, migration, error as pg.DatabaseError);
  }
  await recordEnd(client, id);
}

async function recordStart(client: pg.Client, id: string, migration: Migration): Promise<void> {
  await client.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at)
     VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT (id) DO NOTHING`,
    [id, migration.checksum, migration.name],
  );
}

async function recordEnd(client: pg.Client, id: string): Promise<void> {
  await client.query(
    'UPDATE _prisma_migrations SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = $1',
    [id],
  );
}

async function fail(client: pg.Client, id: string, migration: Migration, error: pg.DatabaseError): Promise<never> {
  await recordStart(client, id, migration); // The transaction has removed the first one.
  const logs = [
    `A migration failed to apply. Migration name: ${migration.name}`,
    `Database error code: ${error.code ?? 'none'}`,
    `Database error: ${error.message}`,
  ].join('\n\n');
  await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, logs]);
  throw new Error(`migration ${migration.name} failed: ${error.message} (${error.code ?? 'no code'})`, {
    cause: error,
  });
}

async function findMissing(
  client: pg.Client,
  migrations: readonly Migration[],
  options: MigrationOptions,
): Promise<Migration[]> {
  const { rows } = await client.query<{ name: string; checksum: string; finished: boolean }>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
     FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  const failed = rows.find(({ finished }) => !finished);
  if (failed) {
    throw new Error(
      `migration ${failed.name} failed earlier: repair the database where needed, then mark it with ` +
        `"prisma migrate resolve --rolled-back ${failed.name}" or by setting rolled_back_at in its row of _prisma_migrations`,
    );
  }
  const applied = new Map(rows.map(({ name, checksum }) => [name, checksum]));
  for (const migration of migrations) {
    const checksum = applied.get(migration.name);
    if (checksum !== undefined && !matchesChecksum(migration, checksum)) {
      throw new Error(
        `migration ${migration.name} was edited after it was applied: restore its file and add a new one`,
      );
    }
  }
  const here = new Set(migrations.map(({ name }) => name));
  if (applied.size > 0 && migrations.length > 0 && !migrations.some(({ name }) => applied.has(name))) {
    throw new Error(
      `the database has none of this release's migrations, but others (${[...applied.keys()][0]}, …): it belongs to ` +
        'another program, or to Parley from before its first release, which cannot be upgraded: use an empty database',
    );
  }
  const unknown = [...applied.keys()].filter((name) => !here.has(name));
  // An older release beside a newer one is not an error.
  if (unknown.length > 0)
    options.log?.('unknown migrations in the database; a newer release has applied them', { unknown });
  return migrations.filter(({ name }) => !applied.has(name));
}

async function historyExists(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS found`,
  );
  return rows[0]?.found ?? false;
}

/** Like Prisma: tables without a history mean that the address is another application's database. */
async function refuseForeignTables(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename LIMIT 1',
  );
  const table = rows[0]?.name;
  if (table === undefined) return;
  throw new Error(`the database is not empty (it has a table ${table}) and was never migrated: give it an empty one`);
}

async function withConnection<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined); // A broken connection also fails the pending call.
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
