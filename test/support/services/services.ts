import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import {
  findInstalledPostgres,
  type InstalledPostgres,
} from '../../../src/infrastructure/embedded/postgres-binaries.js';
import { type PostgresServer, startPostgres } from '../../../src/infrastructure/embedded/postgres-server.js';
import { type RabbitmqNode, startRabbitmq } from '../../../src/infrastructure/embedded/rabbitmq-node.js';
import { migrate } from '../../../src/infrastructure/postgres/migrations.js';
import { runFolder } from './services-folder.js';
import { ensureRabbitmq } from './services-install.js';

export { scratchFolder } from './services-folder.js';

/** The root of the repository. */
export const projectFolder = fileURLToPath(new URL('../../../../', import.meta.url));
export const migrationsFolder = join(projectFolder, 'prisma', 'migrations');

export interface TestBroker {
  readonly url: string;
  /** Undefined for the broker of TEST_AMQP_URL. */
  readonly node?: RabbitmqNode;
}

const TEMPLATE = 'parley_template';
/** Data of tests need not survive a power failure, and plans must not depend on the memory of the machine. */
const SETTINGS = {
  ...{ fsync: 'off', full_page_writes: 'off', max_connections: '300' },
  ...{ shared_buffers: '128MB', effective_cache_size: '4GB' },
};

let server: Promise<PostgresServer> | undefined;
let template: Promise<void> | undefined;
let broker: Promise<TestBroker> | undefined;

/**
 * The private PostgreSQL server of the run, started at the first call: the embedded one, or the one of TEST_POSTGRES (a
 * Debian version such as `15`, or a folder of programs). Settings that change plans have their defaults.
 */
export function postgres(): Promise<PostgresServer> {
  server ??= startPostgres({ folder: postgresFolder(), settings: SETTINGS, ...namedPostgres() });
  return server;
}

/** Of the run's server. */
export function postgresFolder(): string {
  return join(runFolder(), 'postgres');
}

function namedPostgres(): { installed?: InstalledPostgres } {
  const named = process.env.TEST_POSTGRES;
  return named ? { installed: findInstalledPostgres(named) } : {};
}

/** @returns the URL of a new, migrated database, which is removed with the run */
export async function freshDatabase(): Promise<string> {
  template ??= makeTemplate();
  await template;
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  return databaseUrl(name);
}

/** @returns the URL of a new database without any table */
export async function emptyDatabase(): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(`CREATE DATABASE ${name}`);
  return databaseUrl(name);
}

/** The run's RabbitMQ: the one named by TEST_AMQP_URL, or a private node, started at the first call. */
export function rabbitmq(): Promise<TestBroker> {
  broker ??= startBroker();
  return broker;
}

/** Of the run's private node. */
export function brokerFolder(): string {
  return join(runFolder(), 'rabbitmq');
}

/** A unique `CHAT_NAMESPACE`, so that tests can share a broker. Its queues are removed with the broker. */
export function uniqueNamespace(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

/**
 * A new virtual host, if a namespace is not enough. Needs the private node of the run.
 * @returns its AMQP URL, and a function that removes it
 */
export async function freshVhost(): Promise<{ url: string; remove(): Promise<void> }> {
  const { node } = await rabbitmq();
  if (!node) throw new Error('a test needs a virtual host of its own, which TEST_AMQP_URL does not provide');
  const name = uniqueNamespace();
  await manage(node, 'PUT', `vhosts/${name}`);
  await manage(node, 'PUT', `permissions/${name}/guest`, { configure: '.*', write: '.*', read: '.*' });
  return { url: `${node.url}/${name}`, remove: async () => void (await manage(node, 'DELETE', `vhosts/${name}`)) };
}

/** Creates a user of the private node with all permissions. A null password removes the user. */
export async function setBrokerUser(name: string, password: string | null): Promise<void> {
  const { node } = await rabbitmq();
  if (!node) throw new Error('a test needs users of its own, which TEST_AMQP_URL does not provide');
  if (password === null) {
    await manage(node, 'DELETE', `users/${name}`);
    return;
  }
  await manage(node, 'PUT', `users/${name}`, { password, tags: '' });
  await manage(node, 'PUT', `permissions/%2F/${name}`, { configure: '.*', write: '.*', read: '.*' });
}

async function startBroker(): Promise<TestBroker> {
  const url = process.env.TEST_AMQP_URL;
  if (url) return { url };
  const missing = ensureRabbitmq();
  if (missing !== undefined) throw new Error(missing);
  const node = await startRabbitmq({ folder: brokerFolder(), port: 0 });
  return { url: node.url, node };
}

async function makeTemplate(): Promise<void> {
  await administer(`CREATE DATABASE ${TEMPLATE}`);
  await migrate({ url: await databaseUrl(TEMPLATE), folder: migrationsFolder });
}

async function databaseUrl(name: string): Promise<string> {
  const url = new URL((await postgres()).url);
  url.pathname = `/${name}`;
  return url.href;
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: await databaseUrl('postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Calls the management API of a private node. Returns null if the response is empty. */
export async function manage(node: RabbitmqNode, method: string, path: string, body?: object): Promise<unknown> {
  const { username, password } = new URL(node.url);
  const response = await fetch(`http://127.0.0.1:${node.managementPort}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${btoa(`${username}:${password}`)}`,
      'content-type': 'application/json',
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}
