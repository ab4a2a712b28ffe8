import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { migrate, pendingMigrations } from '../../../src/infrastructure/postgres/migrations.js';
import { eventually } from '../../support/eventually.js';
import { emptyDatabase, freshDatabase, migrationsFolder, scratchFolder } from '../../support/services/services.js';

interface Row {
  id: string;
  checksum: string;
  finished: boolean;
  name: string;
  logs: string | null;
  rolled_back: boolean;
  steps: number;
}

async function query<T extends pg.QueryResultRow>(url: string, sql: string, values: unknown[] = []): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

function history(url: string): Promise<Row[]> {
  return query<Row>(
    url,
    `SELECT id, checksum, finished_at IS NOT NULL AS finished, migration_name AS name, logs,
            rolled_back_at IS NOT NULL AS rolled_back, applied_steps_count AS steps
     FROM _prisma_migrations ORDER BY started_at`,
  );
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'did not fail',
    (error: Error) => error.message,
  );
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('the migration runner', () => {
  let url: string;
  let folder: string;
  const add = (name: string, script: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'migration.sql'), script);
  };

  beforeEach(async () => {
    url = await emptyDatabase();
    folder = scratchFolder('migrations');
    writeFileSync(join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
  });

  it('applies missing migrations once, in the order of their names', async () => {
    add('2_second', 'ALTER TABLE t ADD COLUMN b int;\nINSERT INTO t VALUES (1, 2);\n');
    add('1_first', 'CREATE TABLE t (a int);\n');
    expect(await pendingMigrations({ url, folder })).to.deep.equal(['1_first', '2_second']);

    expect(await migrate({ url, folder })).to.deep.equal(['1_first', '2_second']);
    expect(await migrate({ url, folder })).to.deep.equal([]);
    expect(await query(url, 'SELECT a, b FROM t')).to.deep.equal([{ a: 1, b: 2 }]);

    add('3_third', 'DELETE FROM t;');
    expect(await pendingMigrations({ url, folder })).to.deep.equal(['3_third']);
    expect(await migrate({ url, folder })).to.deep.equal(['3_third']);
  });

  it("keeps its record in the table of Prisma's engine", async () => {
    const script = 'CREATE TABLE t (a int); -- ü\n';
    add('1_first', script);
    await migrate({ url, folder });

    const [row] = await history(url);
    expect(row?.id).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(row).to.include({
      checksum: sha256(script),
      finished: true,
      name: '1_first',
      logs: null,
      rolled_back: false,
      steps: 1,
    });
  });

  it('does nothing after Prisma recorded the same files, also with other line ends', async () => {
    add('1_first', 'CREATE TABLE t (a int);\n');
    await migrate({ url, folder });
    await query(url, 'UPDATE _prisma_migrations SET checksum = $1', [sha256('CREATE TABLE t (a int);\r\n')]);
    expect(await migrate({ url, folder })).to.deep.equal([]);
  });

  it('applies once if six start together', async () => {
    add('1_first', 'CREATE TABLE t (a int);');
    add('2_second', 'SELECT pg_sleep(0.2); INSERT INTO t VALUES (1);');
    const applied = await Promise.all(Array.from({ length: 6 }, () => migrate({ url, folder })));
    expect(applied.flat().sort()).to.deep.equal(['1_first', '2_second']);
    expect(await query(url, 'SELECT a FROM t')).to.deep.equal([{ a: 1 }]);
    expect(await history(url)).to.have.length(2);
  });

  it('refuses to continue if an applied migration was edited, and names it', async () => {
    add('1_first', 'CREATE TABLE t (a int);');
    await migrate({ url, folder });
    add('1_first', 'CREATE TABLE t (a bigint);');
    add('2_second', 'CREATE TABLE u (a int);');

    const expected = 'migration 1_first was edited after it was applied: restore its file and add a new one';
    expect(await messageOf(migrate({ url, folder }))).to.equal(expected);
    expect(await messageOf(pendingMigrations({ url, folder }))).to.equal(expected);
    expect(await history(url)).to.have.length(1);
  });

  it('rolls back a failing migration, records it like Prisma, and continues after it is resolved', async () => {
    add('1_first', 'CREATE TABLE t (a int);');
    add('2_broken', 'CREATE TABLE half (a int); INSERT INTO missing VALUES (1);');
    add('3_third', 'CREATE TABLE u (a int);');

    expect(await messageOf(migrate({ url, folder }))).to.match(
      /^migration 2_broken failed: relation "missing" does not exist \(42P01\)$/,
    );
    const [half] = await query(url, `SELECT to_regclass('half') IS NULL AND to_regclass('u') IS NULL AS nothing`);
    expect(half).to.deep.equal({ nothing: true });
    const failed = (await history(url)).at(-1);
    expect(failed).to.include({ name: '2_broken', finished: false, rolled_back: false, steps: 0 });
    expect(failed?.logs).to.include('42P01');

    const again = await messageOf(migrate({ url, folder }));
    expect(again).to.match(/^migration 2_broken failed earlier: .*prisma migrate resolve --rolled-back 2_broken/);

    add('2_broken', 'CREATE TABLE half (a int);');
    await query(url, `UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '2_broken'`);
    expect(await migrate({ url, folder })).to.deep.equal(['2_broken', '3_third']);
    expect(await pendingMigrations({ url, folder })).to.deep.equal([]);
  });

  it('leaves nothing when it is interrupted, so that the next start applies it', async () => {
    add('1_first', 'CREATE TABLE t (a int); SELECT pg_terminate_backend(pg_backend_pid());');
    expect(await messageOf(migrate({ url, folder }))).to.not.equal('did not fail');
    add('1_first', 'CREATE TABLE t (a int);');
    expect(await migrate({ url, folder })).to.deep.equal(['1_first']);
  });

  describe('on tables that are in use', () => {
    let clients: pg.Client[];
    const session = async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      clients.push(client);
      return client;
    };
    const waiting = (relation: string, howMany: number) =>
      eventually(
        async () =>
          (await query(url, `SELECT FROM pg_locks WHERE NOT granted AND relation = '${relation}'::regclass`)).length ===
          howMany,
        { within: 10_000, what: `${howMany} waiting for ${relation}` },
      );

    beforeEach(async () => {
      clients = [];
      add('1_tables', 'CREATE TABLE a (x int); CREATE TABLE b (x int);');
      await migrate({ url, folder });
      add('2_columns', 'ALTER TABLE a ADD COLUMN y int; ALTER TABLE b ADD COLUMN y int;');
    });
    afterEach(() => Promise.all(clients.map((client) => client.end())));

    it('retries after a query that locks them in another order', async () => {
      const [holder, reader] = [await session(), await session()];
      await holder.query('BEGIN; SELECT FROM a');
      const migrated = migrate({ url, folder });
      await waiting('a', 1);
      // After this time the waiting process no longer checks; the migration itself finds out.
      await reader.query(`SET deadlock_timeout = '1h'`);
      const read = reader.query('SELECT FROM b, a');
      await waiting('a', 2);
      await holder.query('COMMIT');
      expect(await migrated).to.deep.equal(['2_columns']);
      await read;
      expect((await history(url)).map(({ name, finished }) => [name, finished])).to.deep.equal([
        ['1_tables', true],
        ['2_columns', true],
      ]);
    });

    it('does not block others while it waits for a slow query', async () => {
      const [holder, reader] = [await session(), await session()];
      await holder.query('BEGIN; SELECT FROM a');
      const migrated = migrate({ url, folder });
      await waiting('a', 1);
      await reader.query('SELECT FROM a');
      await holder.query('COMMIT');
      expect(await migrated).to.deep.equal(['2_columns']);
    });
  });

  it('applies a statement that refuses to run inside a transaction', async () => {
    add('1_first', 'CREATE TABLE t (a int);');
    add('2_index', 'CREATE INDEX CONCURRENTLY t_a ON t (a);');
    expect(await migrate({ url, folder })).to.deep.equal(['1_first', '2_index']);
    expect((await history(url)).at(-1)).to.include({ name: '2_index', finished: true, steps: 1 });
  });

  it('refuses a database with tables that was never migrated', async () => {
    await query(url, 'CREATE TABLE somebody_elses (a int)');
    add('1_first', 'CREATE TABLE t (a int);');
    expect(await messageOf(migrate({ url, folder }))).to.match(
      /^the database is not empty \(it has a table somebody_elses\)/,
    );
  });

  it('refuses a database whose history has none of its migrations, and changes nothing', async () => {
    add('0_before_the_squash', 'CREATE TABLE t (a int);');
    await migrate({ url, folder });
    const other = scratchFolder('other-migrations');
    mkdirSync(join(other, '1_first'));
    writeFileSync(join(other, '1_first', 'migration.sql'), 'CREATE TABLE t (a int);');
    for (const attempt of [migrate, pendingMigrations]) {
      const message = await messageOf(attempt({ url, folder: other }));
      expect(message).to.match(/none of this release's migrations.*0_before_the_squash.*use an empty database$/);
    }
    expect((await history(url)).map(({ name }) => name)).to.deep.equal(['0_before_the_squash']);
  });

  it('accepts migrations of a newer release, and logs them', async () => {
    add('1_first', 'CREATE TABLE t (a int);');
    add('9_newer', 'CREATE TABLE u (a int);');
    await migrate({ url, folder });
    const older = scratchFolder('migrations');
    mkdirSync(join(older, '1_first'));
    writeFileSync(join(older, '1_first', 'migration.sql'), 'CREATE TABLE t (a int);');

    const said: unknown[] = [];
    expect(await migrate({ url, folder: older, log: (_message, fields) => said.push(fields) })).to.deep.equal([]);
    expect(said).to.deep.equal([{ unknown: ['9_newer'] }]);
  });

  it('reports a folder without migration.sql', async () => {
    mkdirSync(join(folder, '1_empty'));
    expect(await messageOf(migrate({ url, folder }))).to.equal(`migration 1_empty has no migration.sql in ${folder}`);
  });

  it("applies this project's own migrations", async () => {
    const database = await freshDatabase();
    expect(await pendingMigrations({ url: database, folder: migrationsFolder })).to.deep.equal([]);
    const names = readdirSync(migrationsFolder).filter((name) => /^\d/.test(name));
    const rows = await history(database);
    expect(rows.map(({ name }) => name)).to.deep.equal(names.sort());
    for (const { name, checksum } of rows) {
      expect(checksum).to.equal(sha256(readFileSync(join(migrationsFolder, name, 'migration.sql'), 'utf8')));
    }
  });
});
