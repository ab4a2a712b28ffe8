import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../../../src/infrastructure/embedded/postgres-server.js';
import { freePort } from '../../../../src/infrastructure/free-port.js';
import { identify } from '../../../../src/infrastructure/process/process-identity.js';
import { scratchFolder } from '../../../support/services/services.js';
import { LOOPBACK, listenersOf } from './listeners.js';
import { startOwner } from './owner.js';

const settings = { fsync: 'off' };

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('embedded PostgreSQL in a new folder', () => {
  let folder: string;
  let server: PostgresServer;

  before(async () => {
    folder = scratchFolder('pg');
    server = await startPostgres({ folder, settings });
  });

  after(() => server.stop('immediate'));

  it('has an empty database in UTF-8 that sorts by code point', async () => {
    expect(new URL(server.url).pathname).to.equal('/parley');
    const [row] = await query<{ encoding: string; sorted: boolean; lower: string }>(
      server.url,
      `SELECT current_setting('server_encoding') AS encoding, 'Z' < 'a' AS sorted, lower('ÄΣ') AS lower`,
    );
    expect(row).to.deep.equal({ encoding: 'UTF8', sorted: true, lower: 'äσ' });
  });

  it('requires the password, which only its owner can read', async () => {
    expect(statSync(join(folder, 'password')).mode & 0o777).to.equal(0o600);
    const url = new URL(server.url);
    url.password = 'guessed';
    const failure = await query(url.href, 'SELECT 1').catch((error: pg.DatabaseError) => error);
    expect(failure).to.have.property('code', '28P01');
  });

  it('listens on 127.0.0.1, and on a socket in a folder that only its account can enter', async function () {
    if (process.platform !== 'linux') this.skip();
    expect(listenersOf(server.pid)).to.deep.equal([{ host: LOOPBACK[0], port: server.port }]);
    const socket = new URL(server.socketUrl).searchParams.get('host') as string;
    expect(socket.startsWith(folder)).to.equal(true);
    expect(statSync(socket).mode & 0o777).to.equal(0o700);
    const [row] = await query(server.socketUrl, 'SELECT inet_client_addr() AS address, current_database() AS database');
    expect(row).to.deep.equal({ address: null, database: 'parley' });
    const guessed = new URL(server.socketUrl);
    guessed.password = 'guessed';
    const failure = await query(guessed.href, 'SELECT 1').catch((error: pg.DatabaseError) => error);
    expect(failure).to.have.property('code', '28P01');
  });

  it('has its own process group, which Ctrl-C does not reach', () => {
    const { stdout } = spawnSync('ps', ['-o', 'pgid=', '-p', String(server.pid)], { encoding: 'utf8' });
    expect(Number(stdout)).to.equal(server.pid);
  });

  it('writes no statement and no value into its log', async () => {
    const failing = [
      `SELECT 'typed by a user'::int`,
      `CREATE TABLE t (v text UNIQUE); INSERT INTO t VALUES ('typed by a user'), ('typed by a user')`,
    ];
    for (const sql of failing) await query(server.url, sql).catch(() => undefined); // that they fail is the point
    const log = readFileSync(join(folder, 'server.log'), 'utf8');
    expect(log).to.include('ready to accept connections');
    expect(log).to.not.include('typed by a user').and.not.include('INSERT INTO');
  });
});

describe('embedded PostgreSQL', () => {
  let server: PostgresServer | undefined;

  afterEach(async () => {
    await server?.stop('immediate');
    server = undefined;
  });

  it('keeps data and password between starts, and ends its process when stopped', async () => {
    const folder = scratchFolder('pg');
    server = await startPostgres({ folder, settings });
    await query(server.url, 'CREATE TABLE kept AS SELECT 42 AS value');
    const { pid } = server;
    const password = new URL(server.url).password;

    await server.stop();
    expect(identify(pid)).to.equal(undefined);
    expect(existsSync(join(folder, 'cluster', 'postmaster.pid'))).to.equal(false);

    server = await startPostgres({ folder, settings });
    expect(new URL(server.url).password).to.equal(password);
    expect(await query(server.url, 'SELECT value FROM kept')).to.deep.equal([{ value: 42 }]);
  });

  it('stops the server of a killed owner, and continues with its data', async () => {
    const folder = scratchFolder('pg');
    const { child, owned } = await startOwner('postgres', folder);
    await query(owned.url as string, 'CREATE TABLE left_behind AS SELECT 1 AS value');
    await child.kill();
    expect(identify(owned.pid as number), 'it outlives its owner').not.to.equal(undefined);

    server = await startPostgres({ folder, settings });
    expect(identify(owned.pid as number)).to.equal(undefined);
    expect(await query(server.url, 'SELECT value FROM left_behind')).to.deep.equal([{ value: 1 }]);
  });

  it('ignores a process id in a stale lock file that now belongs to another program', async () => {
    const folder = scratchFolder('pg');
    server = await startPostgres({ folder, settings });
    const lines = readFileSync(join(folder, 'cluster', 'postmaster.pid'), 'utf8').split('\n');
    await server.stop();
    writeFileSync(join(folder, 'cluster', 'postmaster.pid'), [process.pid, ...lines.slice(1)].join('\n'));

    server = await startPostgres({ folder, settings });
    expect(await query(server.url, 'SELECT 1 AS value')).to.deep.equal([{ value: 1 }]);
  });

  it('starts again after a first start that was killed halfway', async () => {
    const folder = scratchFolder('pg');
    mkdirSync(join(folder, 'cluster.new', 'base'), { recursive: true });

    server = await startPostgres({ folder, settings });
    expect(readdirSync(folder)).to.include('cluster').and.not.include('cluster.new');
  });

  it('reports a used port in one line', async () => {
    const blocker = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', resolve));
    try {
      const failure = await startPostgres({ folder: scratchFolder('pg'), port, settings }).catch(
        (error: Error) => error,
      );
      expect(failure).to.be.instanceOf(Error);
      expect((failure as Error).message).to.match(/^PostgreSQL did not start: .*Address already in use.*$/);
    } finally {
      blocker.close();
    }
  });

  it('works for root in a folder whose parents only root may enter', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const closed = scratchFolder('closed');
    chmodSync(closed, 0o700);

    server = await startPostgres({ folder: join(closed, 'pg'), settings });
    expect(await query(server.url, 'SELECT 1 AS value')).to.deep.equal([{ value: 1 }]);
  });
});
