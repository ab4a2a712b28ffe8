import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../src/infrastructure/embedded/postgres-server.js';
import { startRabbitmq } from '../src/infrastructure/embedded/rabbitmq-node.js';
import { migrate } from '../src/infrastructure/migrations.js';

/** A PostgreSQL (fsync on) and a RabbitMQ that nobody else uses. */
export interface PrivateServices {
  amqpUrl: string;
  postgresPid: number;
  rabbitmqPid: number;
  /** A new database with all migrations applied; its URL. */
  createDatabase(name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startPrivateServices(): Promise<PrivateServices> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const postgres = await startPostgres({ folder: join(folder, 'postgres') }).catch((error) => {
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
    createDatabase: async (name) => {
      await query(postgres.url, `CREATE DATABASE ${name}`);
      const url = new URL(postgres.url);
      url.pathname = `/${name}`;
      await migrate({ url: url.href, folder: 'prisma/migrations' });
      return url.href;
    },
    stop: async () => {
      await rabbitmq.stop();
      await stopPostgres();
    },
  };
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
