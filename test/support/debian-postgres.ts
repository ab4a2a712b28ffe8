/** The newest PostgreSQL that Debian's packages have installed on this machine, with its default settings and a locale of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { openLog } from '../../src/infrastructure/embedded/log-file.js';
import { postgresAccount } from '../../src/infrastructure/embedded/postgres-account.js';
import { freePort } from '../../src/infrastructure/free-port.js';
import { eventually } from './eventually.js';
import { recordChild, scratchFolder } from './services-folder.js';

const PACKAGES = '/usr/lib/postgresql';
const START_MS = 60_000;

/** Where its programs are; null: it is not installed. */
export function debianPostgresPrograms(): string | null {
  if (!existsSync(PACKAGES)) return null;
  const [newest] = readdirSync(PACKAGES)
    .filter((version) => existsSync(join(PACKAGES, version, 'bin', 'postgres')))
    .sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? null : join(PACKAGES, newest, 'bin');
}

/**
 * Starts a server with an empty cluster, which goes with the run.
 *
 * @param locale `C` or `C.UTF-8`
 * @returns its superuser's URL, without a database's name
 */
export async function startDebianPostgres(programs: string, locale: string): Promise<string> {
  const folder = join(scratchFolder('debian-postgres'), 'server');
  const cluster = join(folder, 'cluster');
  mkdirSync(folder);
  const account = postgresAccount([programs, cluster]);
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
  if (account.owner !== undefined) spawnSync('chown', [`${account.owner.uid}:${account.owner.gid}`, folder]);
  const init = account.command(join(programs, 'initdb'), [
    ...['-D', cluster, '-U', 'postgres', '-E', 'UTF8', '--auth=trust', '--no-sync', `--locale=${locale}`],
  ]);
  const made = spawnSync(init.file, init.args, { ...init, cwd: '/', env, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`);
  const port = await freePort();
  const { file, args, ...credentials } = account.command(join(programs, 'postgres'), [
    ...['-D', cluster, '-p', String(port), '-c', 'fsync=off'],
    ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
  ]);
  const log = openLog(join(folder, 'server.log'));
  const output: ['ignore', number, number] = ['ignore', log.descriptor, log.descriptor];
  const child = spawn(file, args, { detached: true, stdio: output, cwd: '/', env, ...credentials });
  if (child.pid === undefined) throw new Error(`${file} could not be started`);
  recordChild(child.pid);
  child.unref();
  const url = `postgresql://postgres@127.0.0.1:${port}`;
  const answers = async () => {
    const client = new pg.Client({ connectionString: `${url}/postgres` });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } finally {
      await client.end();
    }
  };
  await eventually(answers, { within: START_MS, what: 'PostgreSQL answers' });
  return url;
}
