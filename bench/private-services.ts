import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findInstalledPostgres } from '../src/infrastructure/embedded/postgres-binaries.js';
import { startPostgres } from '../src/infrastructure/embedded/postgres-server.js';
import { startRabbitmq } from '../src/infrastructure/embedded/rabbitmq-node.js';
import { migrate } from '../src/infrastructure/postgres/migrations.js';

/** The version of PostgreSQL, as `server_version_num` counts. */
const COPY_STRATEGIES_SINCE = 150_000;

/** A PostgreSQL (fsync on) and a RabbitMQ that nobody else uses. */
export interface PrivateServices {
  amqpUrl: string;
  postgresPid: number;
  rabbitmqPid: number;
  /** A new database with all migrations applied, or a copy of another one that nobody is connected to; its URL. */
  createDatabase(name: string, template?: string): Promise<string>;
  /** The server's log. */
  readonly postgresLog: string;
  stop(): Promise<void>;
}

/**
 * @param settings PostgreSQL's, where they are to differ from the defaults
 * @param named an installed PostgreSQL, by its version or its folder; null: the embedded one
 */
export async function startPrivateServices(
  settings: Readonly<Record<string, string>> = {},
  named: string | null = null,
): Promise<PrivateServices> {
  const installed = named === null ? {} : { installed: findInstalledPostgres(named) };
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  chmodSync(folder, 0o711); // PostgreSQL's own account passes through
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
  const rabbitmq = await startRabbitmq({ folder: join(folder, 'rabbitmq'), port: 0 }).catch(async (error) => {
    await stopPostgres();
    throw error;
  });
  return {
    amqpUrl: rabbitmq.url,
    postgresPid: postgres.pid,
    rabbitmqPid: rabbitmq.pid,
    postgresLog,
    createDatabase: (name, template) => createDatabase(postgres.url, name, template),
    stop: async () => {
      await rabbitmq.stop();
      await stopPostgres();
    },
  };
}

/** On the server of that URL. */
export async function createDatabase(serverUrl: string, name: string, template?: string): Promise<string> {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  if (template !== undefined) {
    const [server] = await query<{ version: number }>(
      serverUrl,
      `SELECT current_setting('server_version_num')::int AS version`,
    );
    // By files: written down once, not once more in the log of changes. Older versions know no other way.
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
