import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openDatabase } from '../../src/adapters/stores/prisma/prisma-database.js';
import { PrismaStoreIdentity } from '../../src/adapters/stores/prisma/prisma-store-identity.js';
import { startPostgres } from '../../src/infrastructure/embedded/postgres-server.js';
import { startRabbitmq } from '../../src/infrastructure/embedded/rabbitmq-node.js';
import { freePort } from '../../src/infrastructure/free-port.js';
import { policyWithoutQuotas } from '../quota/quota-policy.js';
import { startWorkerProcess, type WorkerProcess } from '../subjects/worker-process.js';
import { LOADING_SETTINGS } from './loading/loading-settings.js';

/** A private PostgreSQL and a private RabbitMQ, with workers on them. */
export interface Stand {
  amqpUrl: string;
  postgresPid: number;
  rabbitmqPid: number;
  databaseUrl(name: string): string;
  /** `parley worker` on that database, with queues named after the database; ready. */
  startWorker(database: string, env?: Record<string, string>): Promise<WorkerProcess & { opsPort: number }>;
  stop(): Promise<void>;
}

/** @param folder kept between runs; null: a temporary folder, removed at the end */
export async function openStand(
  folder: string | null,
  /** Creates missing stores, on a server with the settings of a bulk load. */
  prepare: (serverUrl: string) => Promise<void>,
  /** Settings of PostgreSQL after the load that differ from the defaults. */
  settings: Readonly<Record<string, string>> = {},
): Promise<Stand> {
  const place = folder ?? mkdtempSync(join(tmpdir(), 'parley-growth-'));
  const undo: (() => Promise<void> | void)[] = [];
  if (folder === null) undo.unshift(() => rmSync(place, { recursive: true, force: true }));
  const stop = async () => {
    for (const step of undo.splice(0)) await step();
  };
  try {
    const loading = await startPostgres({ folder: join(place, 'postgres'), settings: LOADING_SETTINGS });
    try {
      await prepare(loading.url);
    } finally {
      await loading.stop();
    }
    const postgres = await startPostgres({ folder: join(place, 'postgres'), settings });
    undo.unshift(() => postgres.stop());
    const broker = join(place, 'rabbitmq');
    // Queues of an earlier run could still hold messages.
    if (existsSync(broker)) rmSync(broker, { recursive: true });
    const rabbitmq = await startRabbitmq({ folder: broker, port: 0 });
    undo.unshift(() => rabbitmq.stop());
    const databaseUrl = (name: string) => urlOf(postgres.url, name);
    const policy = policyWithoutQuotas();
    undo.unshift(async () => policy.remove());
    return {
      amqpUrl: rabbitmq.url,
      postgresPid: postgres.pid,
      rabbitmqPid: rabbitmq.pid,
      databaseUrl,
      startWorker: async (database, env = {}) => {
        await placeByTheBroker(databaseUrl(database));
        const opsPort = await freePort();
        const worker = await startWorkerProcess({
          DATABASE_URL: databaseUrl(database),
          AMQP_URL: rabbitmq.url,
          CHAT_NAMESPACE: database,
          LOG_LEVEL: 'warn',
          POLICY_FILE: policy.file,
          OPS_PORT: String(opsPort),
          ...env,
        });
        return { ...worker, opsPort };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

export async function withSql<T>(url: string, use: (sql: pg.Client) => Promise<T>): Promise<T> {
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}

/**
 * The chats of a loaded store have the partitions of the in-process transport. Clears them: each chat is assigned again
 * with its next command, as with `parley dev`.
 */
async function placeByTheBroker(url: string): Promise<void> {
  const database = openDatabase({ url, poolSize: 2, statementTimeoutMs: 0 });
  try {
    const identity = new PrismaStoreIdentity(database);
    if ((await identity.placement('amqp')) !== 'amqp') await identity.placeAnew('amqp');
  } finally {
    await database.$disconnect();
  }
}
