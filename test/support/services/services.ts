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

/** The repository's root, wherever the tests were started and compiled to. */
export const projectFolder = fileURLToPath(new URL('../../../../', import.meta.url));
export const migrationsFolder = join(projectFolder, 'prisma', 'migrations');

export interface TestBroker {
  readonly url: string;
  /** Missing when the broker is the one named by TEST_AMQP_URL. */
  readonly node?: RabbitmqNode;
}

const TEMPLATE = 'parley_template';
/** Nothing here has to survive a power failure. */
const SETTINGS = { fsync: 'off', full_page_writes: 'off', max_connections: '300' };

let server: Promise<PostgresServer> | undefined;
let template: Promise<void> | undefined;
let broker: Promise<TestBroker> | undefined;

/**
 * The run's private PostgreSQL server, started at the first call: the embedded one, or the installed one that
 * TEST_POSTGRES names, by its version (`15`: Debian's) or by the folder of its programs. Where a setting matters to
 * plans, it is the server's default.
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

/** @returns the URL of a new database with all migrations applied; it goes with the run */
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

/**
 * For `CHAT_NAMESPACE`: tests that share a broker do not meet. Leaves its queues to the broker, which goes with the
 * run.
 */
export function uniqueNamespace(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

/**
 * A virtual host of its own, where a namespace is not enough. Needs the run's private node.
 * @returns its AMQP URL, and how to be rid of it and everything in it
 */
export async function freshVhost(): Promise<{ url: string; remove(): Promise<void> }> {
  const { node } = await rabbitmq();
  if (!node) throw new Error('a test needs a virtual host of its own, which TEST_AMQP_URL does not provide');
  const name = uniqueNamespace();
  await manage(node, 'PUT', `vhosts/${name}`);
  await manage(node, 'PUT', `permissions/${name}/guest`, { configure: '.*', write: '.*', read: '.*' });
  return { url: `${node.url}/${name}`, remove: async () => void (await manage(node, 'DELETE', `vhosts/${name}`)) };
}

/** Makes a user of the run's private node who may do everything; one without a password is removed. */
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

/** Asks a private node's management interface. Answers what it says, null where it says nothing. */
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
