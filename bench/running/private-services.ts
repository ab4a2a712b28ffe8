import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findInstalledPostgres } from '../../src/infrastructure/embedded/postgres-binaries.js';
import { startPostgres } from '../../src/infrastructure/embedded/postgres-server.js';
import { startRabbitmq } from '../../src/infrastructure/embedded/rabbitmq-node.js';
import { migrate } from '../../src/infrastructure/postgres/migrations.js';

/** The first version with `STRATEGY`, as in `server_version_num`. */
const COPY_STRATEGIES_SINCE = 150_000;

/** A private PostgreSQL (fsync on) and a private RabbitMQ. */
export interface PrivateServices {
  amqpUrl: string;
  postgresPid: number;
  rabbitmqPid: number;
  /** Creates a database with all migrations applied, or copies one that has no connections. Returns its URL. */
  createDatabase(name: string, template?: string): Promise<string>;
  /** The log of the server. */
  readonly postgresLog: string;
  stop(): Promise<void>;
}

/**
 * @param settings settings of PostgreSQL that differ from the defaults
 * @param named an installed PostgreSQL, by its version or its folder; null: the embedded one
 * @param brokerSettings settings of rabbitmq.conf that differ from those of `npm start`
 */
export async function startPrivateServices(
  settings: Readonly<Record<string, string>> = {},
  named: string | null = null,
  brokerSettings: Readonly<Record<string, string>> = {},
): Promise<PrivateServices> {
  const installed = named === null ? {} : { installed: findInstalledPostgres(named) };
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  chmodSync(folder, 0o711); // the account of PostgreSQL passes through
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const postgresLog = join(folder, 'postgres', 'server.log');
  const postgres = await startPostgres({ folder: join(folder, 'postgres'), settings, ...installed }).catch((error) => {
    remove();
    throw error;
  });
  const stopPostgres = async () => {
    await postgres.stop();
    remove();
  };
  const rabbitmq = await startRabbitmq({
    ...{ folder: join(folder, 'rabbitmq'), port: 0, settings: brokerSettings },
  }).catch(async (error) => {
    await stopPostgres();
    throw error;
  });
  return {
    amqpUrl: rabbitmq.url,
    postgresPid: postgres.pid,
    rabbitmqPid: rabbitmq.pid,
    postgresLog,
    createDatabase: (name, template) => createDatabase(postgres.socketUrl, name, template),
    stop: async () => {
      await rabbitmq.stop();
      await stopPostgres();
    },
  };
}

/** Creates a database on the server of that URL. */
export async function createDatabase(serverUrl: string, name: string, template?: string): Promise<string> {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  if (template !== undefined) {
    const [server] = await query<{ version: number }>(
      serverUrl,
      `SELECT current_setting('server_version_num')::int AS version`,
    );
    // Copies files, so that the data are not also written to the write-ahead log. Versions before 15 have no other way.
    const strategy = (server?.version ?? 0) < COPY_STRATEGIES_SINCE ? '' : 'STRATEGY file_copy';
    await query(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template} ${strategy}`);
  } else {
    await query(serverUrl, `CREATE DATABASE ${name}`);
    await migrate({ url: url.href, folder: 'prisma/migrations' });
  }
  return url.href;
}

export async function query<T extends pg.QueryResultRow>(
  databaseUrl: string,
  text: string,
  values: unknown[] = [],
): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(text, values)).rows;
  } finally {
    await client.end();
  }
}
