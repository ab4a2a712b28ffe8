import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort, isPortFree } from '../free-port.js';
import { signal } from '../process/process-identity.js';
import { hasEnded, whenEnded } from './child-exit.js';
import { logSince, logTail, openLog } from './log-file.js';
import { type PostgresAccount, postgresAccount, serverFolder } from './postgres-account.js';
import { findPostgresBinaries, type InstalledPostgres } from './postgres-binaries.js';
import { createCluster } from './postgres-cluster.js';
import { stopOrphanedPostgres } from './postgres-orphan.js';
import { reachablePrograms, removeProgramsCopy } from './postgres-programs.js';
import { machineMemory, postgresSettings, SHARE_OF_A_SHARED_MACHINE } from './postgres-settings.js';

export interface PostgresOptions {
  /**
   * Contains everything that the server keeps, also between starts. Created if it is missing. Two servers never share
   * one.
   */
  readonly folder: string;
  /** Default: a free port, chosen at each start. */
  readonly port?: number;
  /** Default: `server.log` in the folder. */
  readonly logFile?: string;
  /** This database is created if it is missing. */
  readonly database?: string;
  /** Passed to the server, e.g. `{ fsync: 'off' }`. They replace Parley's own of the same name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Used instead of the package's programs, with its default settings. */
  readonly installed?: InstalledPostgres;
}

export interface PostgresServer {
  /** Contains the password, so it must not be logged. */
  readonly url: string;
  /**
   * The same database through a socket file in the server's folder, which takes less processor time than TCP. `url` if
   * the folder's path is too long for a socket.
   */
  readonly socketUrl: string;
  readonly port: number;
  readonly pid: number;
  /** The copy of the programs that the server uses if its account cannot reach the package. */
  readonly programsCopy: string | undefined;
  /** Settles when the server has ended, for any reason. */
  readonly ended: Promise<void>;
  /**
   * `fast` (default) rolls back running transactions and writes everything to disk. `immediate` leaves recovery to the
   * next start. Resolves when the process has ended. Calling it again does nothing.
   */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const FAST_STOP_TIMEOUT_MS = 20_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 20;
const START_ATTEMPTS = 5;
const RETRY_DELAY_MS = 500;

/** Of a socket's path, on the systems that have the shortest one (macOS; Linux has 107). */
const SOCKET_PATH_MAX_BYTES = 103;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // The cluster's own folder, which only the server's account and root can enter.
  unix_socket_directories: '.',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // The client gets the errors. An error, its statement and its DETAIL can quote user texts, so they must not be
  // logged.
  log_min_messages: 'log', // In this setting's order, above "error".
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

/**
 * Starts a private PostgreSQL server on loopback, in a process group of its own, so that Ctrl-C reaches only this
 * process. A server that a killed predecessor left running on the same folder is stopped first.
 * @throws Error of one line if the start fails, with the end of the server's log if it helps
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const folder = resolve(options.folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await stopOrphanedPostgres(folder);

  const account = postgresAccount();
  if (account.owner) chownSync(folder, account.owner.uid, account.owner.gid);
  const password = keepPassword(folder, account);
  const packaged = options.installed ?? (await findPostgresBinaries());
  const { binaries, copy: programsCopy } = reachablePrograms(folder, packaged, account);
  try {
    const cluster = createCluster({
      folder,
      initdb: binaries.initdb,
      account,
      durable: options.settings?.fsync !== 'off',
      localeOptions: options.installed?.localeOptions,
    });
    const launched = await launch(options, { folder, cluster, postgres: binaries.postgres, account, password });
    return {
      ...launched,
      programsCopy,
      stop: async (mode = 'fast') => {
        await launched.stop(mode);
        removeProgramsCopy(folder);
      },
    };
  } catch (error) {
    removeProgramsCopy(folder);
    throw error;
  }
}

interface Prepared {
  folder: string;
  cluster: string;
  postgres: string;
  account: PostgresAccount;
  password: string;
}

async function launch(options: PostgresOptions, prepared: Prepared): Promise<Omit<PostgresServer, 'programsCopy'>> {
  const { folder, cluster, postgres, account, password } = prepared;
  const database = options.database ?? 'parley';
  const logFile = options.logFile ?? join(folder, 'server.log');
  const { cwd, path } = serverFolder(cluster, account);
  const tuned = options.installed ? {} : postgresSettings(machineMemory() * SHARE_OF_A_SHARED_MACHINE);
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (attempt === 1 ? await keptPort(folder) : undefined) ?? (await freePort());
    const settings = { ...SETTINGS, ...tuned, ...options.settings };
    const args = ['-D', path, '-p', String(port)];
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
    const log = openLog(logFile);
    const child = spawn(postgres, args, {
      detached: true,
      stdio: ['ignore', log.descriptor, log.descriptor],
      cwd,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
      ...account.owner,
    });
    const ended = whenEnded(child);
    closeSync(log.descriptor);
    const url = (name: string) => `postgresql://postgres:${password}@127.0.0.1:${port}/${name}`;
    try {
      await ready(url('postgres'), database, child, ended);
    } catch (error) {
      if (child.pid !== undefined) await stop(child, ended, 'immediate');
      const said = logSince(logFile, log.size);
      const portTaken = options.port === undefined && said.includes('Address already in use');
      // Held by backends of a killed server that are about to end.
      const stillHeld = said.includes('pre-existing shared memory block');
      if (attempt < START_ATTEMPTS && (portTaken || stillHeld)) {
        await sleep(RETRY_DELAY_MS);
        continue;
      }
      throw new Error(`PostgreSQL did not start: ${(error as Error).message} (${logTail(logFile)})`, { cause: error });
    }
    writeFileSync(join(folder, PORT_FILE), String(port));
    const socket = Buffer.byteLength(join(cluster, `.s.PGSQL.${port}`)) <= SOCKET_PATH_MAX_BYTES;
    return {
      url: url(database),
      socketUrl: socket ? `${url(database)}?host=${encodeURIComponent(cluster)}` : url(database),
      port,
      pid: child.pid as number,
      ended,
      stop: (mode = 'fast') => stop(child, ended, mode),
    };
  }
}

/** Other programs are configured with its address, so the server keeps its port if possible. */
const PORT_FILE = 'port';

async function keptPort(folder: string): Promise<number | undefined> {
  const file = join(folder, PORT_FILE);
  const port = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  return Number.isInteger(port) && (await isPortFree(port).catch(() => false)) ? port : undefined;
}

async function ready(adminUrl: string, database: string, child: ChildProcess, ended: Promise<void>): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (child.pid === undefined) throw new Error(`${child.spawnfile} could not be started`);
    if (hasEnded(child)) throw new Error('the server ended while starting');
    // Raw: asks whether the server answers and creates the database.
    const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
    client.on('error', () => undefined); // A broken connection also fails the pending call.
    try {
      // Another program may listen on the port and never answer. Then the end of the server is reported.
      const connected = client.connect();
      connected.catch(() => undefined); // Awaited below, unless the server ends first.
      await Promise.race([connected, ended.then(() => Promise.reject(new Error('the server ended while starting')))]);
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
      if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
      return;
    } catch (error) {
      const { code } = error as { code?: string };
      const startingUp = code === 'ECONNREFUSED' || code === '57P03';
      if (!startingUp || Date.now() >= deadline) throw error;
    } finally {
      // Not awaited: with another program on the port, this would wait for the connection's timeout.
      client.end().catch(() => undefined);
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

async function stop(child: ChildProcess, ended: Promise<void>, mode: 'fast' | 'immediate'): Promise<void> {
  const pid = child.pid as number;
  const running = () => !hasEnded(child);
  const within = (ms: number) => Promise.race([ended, sleep(ms, undefined, { ref: false })]);
  if (mode === 'fast' && running()) {
    signal(pid, 'SIGINT');
    await within(FAST_STOP_TIMEOUT_MS);
  }
  if (running()) {
    signal(pid, 'SIGQUIT');
    await within(IMMEDIATE_STOP_TIMEOUT_MS);
  }
  if (running()) signal(pid, 'SIGKILL');
  await ended;
}

/**
 * Generated once per folder. It is written before the cluster exists, so no cluster exists without a known password.
 */
function keepPassword(folder: string, account: PostgresAccount): string {
  const path = join(folder, 'password');
  if (!existsSync(path)) {
    rmSync(join(folder, 'cluster.new'), { recursive: true, force: true });
    writeFileSync(path, randomBytes(24).toString('base64url'), { mode: 0o600 });
  }
  if (account.owner) chownSync(path, account.owner.uid, account.owner.gid); // initdb reads it.
  return readFileSync(path, 'utf8');
}
