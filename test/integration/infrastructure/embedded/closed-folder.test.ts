/** What root does where neither PostgreSQL's account nor another one may enter the checkout or the data folder. */
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import {
  findInstalledPostgres,
  findPostgresBinaries,
  type InstalledPostgres,
} from '../../../../src/infrastructure/embedded/postgres-binaries.js';
import { endOrphanedPostgresSync } from '../../../../src/infrastructure/embedded/postgres-orphan.js';
import { type PostgresServer, startPostgres } from '../../../../src/infrastructure/embedded/postgres-server.js';
import { identify } from '../../../../src/infrastructure/process/process-identity.js';
import { scratchFolder } from '../../../support/services/services.js';
import { startOwner } from './owner.js';

const OTHERS = 0o007;
const OTHERS_WRITE = 0o022;

async function answer(server: { url: string }, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query<{ value: unknown }>(sql)).rows[0]?.value;
  } finally {
    await client.end();
  }
}

describe('embedded PostgreSQL of root below a folder that only root may enter', function () {
  this.timeout(60_000);
  let closed: string;
  let programs: string;
  let installed: InstalledPostgres;
  const servers: PostgresServer[] = [];
  let drawn = 0;

  before(async function () {
    if (process.getuid?.() !== 0) this.skip();
    closed = scratchFolder('closed');
    programs = join(closed, 'package', 'bin');
    const { postgres } = await findPostgresBinaries();
    cpSync(dirname(dirname(postgres)), dirname(programs), { recursive: true, verbatimSymlinks: true });
    chmodSync(join(dirname(programs), 'share'), 0o700); // as a umask of 077 leaves it
    chmodSync(closed, 0o700);
    installed = { ...findInstalledPostgres(programs), localeOptions: ['--locale=C'] };
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop('immediate')));
    expect(statSync(closed).mode & 0o777, 'nobody has opened it').to.equal(0o700);
  });

  const newFolder = () => {
    drawn += 1;
    return join(closed, `data-${drawn}`);
  };
  const start = async (folder: string, settings: Record<string, string> = { fsync: 'off' }) => {
    const server = await startPostgres({ folder, settings, installed });
    servers.push(server);
    return server;
  };
  const copyOf = ({ programsCopy }: PostgresServer) => programsCopy ?? expect.fail('has no copy of its programs');

  it('runs a copy of its programs that only root may change, and removes it when it stops', async () => {
    const folder = newFolder();
    const server = await start(folder);
    expect(await answer(server, 'SELECT 1 AS value')).to.equal(1);
    const copy = copyOf(server);
    for (const name of ['.', ...readdirSync(copy, { recursive: true, encoding: 'utf8' })]) {
      const stat = lstatSync(join(copy, name));
      if (stat.isSymbolicLink()) continue;
      expect([stat.uid, stat.mode & OTHERS_WRITE], name).to.deep.equal([0, 0]);
    }
    for (const name of ['.', 'cluster', 'password'])
      expect(statSync(join(folder, name)).mode & OTHERS, name).to.equal(0);
    await server.stop();
    expect(existsSync(copy)).to.equal(false);
    expect(readdirSync(folder)).to.have.members(['cluster', 'password', 'port', 'server.log']);
  });

  it('keeps its data between starts, flushed to disk', async () => {
    const folder = newFolder();
    const first = await start(folder, {});
    await answer(first, 'CREATE TABLE kept AS SELECT 42 AS value');
    await first.stop();
    expect(await answer(await start(folder, {}), 'SELECT value FROM kept')).to.equal(42);
  });

  it('has its own copy beside another server, which stays when that server stops', async () => {
    const [one, other] = await Promise.all([start(newFolder()), start(newFolder())]);
    expect(copyOf(one)).to.not.equal(copyOf(other));
    await one.stop();
    expect([existsSync(copyOf(one)), existsSync(copyOf(other))]).to.deep.equal([false, true]);
    expect(await answer(other, `SELECT lower('STILL THERE') AS value`)).to.equal('still there');
  });

  it('stops the server of a killed owner, and removes its copy', async () => {
    const folder = newFolder();
    const { child, owned } = await startOwner('postgres', folder, programs);
    await child.kill();
    expect(identify(owned.pid as number), 'it outlives its owner').not.to.equal(undefined);
    expect(existsSync(owned.programsCopy as string)).to.equal(true);
    const next = await start(folder);
    expect(identify(owned.pid as number)).to.equal(undefined);
    expect(existsSync(owned.programsCopy as string)).to.equal(false);
    expect(await answer(next, 'SELECT 1 AS value')).to.equal(1);
  });

  it('leaves nothing if its owner was killed and its data are removed', async () => {
    const folder = newFolder();
    const { child, owned } = await startOwner('postgres', folder, programs);
    await child.kill();
    endOrphanedPostgresSync(folder);
    expect(identify(owned.pid as number)).to.equal(undefined);
    expect(existsSync(owned.programsCopy as string)).to.equal(false);
  });

  it('removes the copy of a server whose folder was removed, at any next start', async () => {
    const folder = newFolder();
    const gone = await start(folder);
    await gone.stop();
    const { child, owned } = await startOwner('postgres', folder, programs);
    await child.kill();
    rmSync(join(folder, 'programs'));
    endOrphanedPostgresSync(folder);
    expect(existsSync(owned.programsCopy as string), 'nothing names it any more').to.equal(true);
    await start(newFolder());
    expect(existsSync(owned.programsCopy as string)).to.equal(false);
  });

  it('removes only copies of the programs, for any target of the link in its folder', async () => {
    const folder = newFolder();
    const precious = scratchFolder('precious');
    mkdirSync(join(precious, 'kept'));
    for (const target of [precious, '/var/cache/../../etc', '/var/cache']) {
      mkdirSync(folder, { recursive: true });
      symlinkSync(target, join(folder, 'programs'));
      endOrphanedPostgresSync(folder);
      expect(existsSync(join(folder, 'programs'))).to.equal(false);
    }
    expect([existsSync(join(precious, 'kept')), existsSync('/etc/passwd'), existsSync('/var/cache')]).to.deep.equal([
      true,
      true,
      true,
    ]);
  });

  it('works also over a symbolic link from an open folder', async () => {
    const link = join(scratchFolder('open'), 'data');
    const folder = newFolder();
    mkdirSync(folder);
    symlinkSync(folder, link);
    expect(await answer(await start(link), 'SELECT 1 AS value')).to.equal(1);
  });

  it('leaves no copy if it does not start', async () => {
    const folder = newFolder();
    const failure = await start(folder, { shared_buffers: 'nonsense' }).catch((error: Error) => error);
    expect(failure).to.be.instanceOf(Error);
    expect(readdirSync(folder)).to.not.include('programs');
  });
});
