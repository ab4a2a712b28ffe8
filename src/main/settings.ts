/** Every environment variable Parley reads: `.env.example` lists the same, and a test holds the two together. */
import { names, type TopologySettings } from '../contract/messages/topology.js';
import { DEFAULT_LIMITS } from '../domain/limits.js';
import { readConfig, variable } from '../infrastructure/config/config.js';
import { byteSize, duration, integer, oneOf, port, share, text, url } from '../infrastructure/config/config-values.js';
import { StartupError } from '../infrastructure/process/startup-error.js';
import { editWindow } from './cli/edit-window.js';

/** Of a queue's name, and of a routing key. */
const AMQP_NAME_MAX_BYTES = 255;
const NAMESPACE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;
const CLAIM_NAME = /^[!-~]{1,256}$/;
export const JWT_SECRET_MIN_LENGTH = 32;

/** `name=binding,binding;name=binding`, or `none`. */
function dispatchQueues(value: string): TopologySettings['dispatchQueues'] {
  if (value === 'none') return [];
  const queues = value.split(';').map((part) => {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(0, at)).trim();
    const bindings = part
      .slice(at + 1)
      .split(',')
      .map((key) => key.trim());
    if (name === '' || [name, ...bindings].some((word) => word === '' || Buffer.byteLength(word) > AMQP_NAME_MAX_BYTES))
      throw new Error('must be name=binding,binding;name=… or none');
    return { name, bindings };
  });
  if (new Set(queues.map(({ name }) => name)).size < queues.length) throw new Error('must name each queue once');
  return queues;
}

/** `https://chat.example, https://example:8080`: as browsers write them, without a path. */
function origins(value: string): string[] {
  const all = value.split(',').map((origin) => origin.trim());
  if (all.some((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin))
    throw new Error('must be origins such as https://chat.example, separated by commas');
  return all;
}

export const variables = {
  databaseUrl: variable({
    name: 'DATABASE_URL',
    parse: url('postgresql', 'postgres'),
    describe: 'PostgreSQL connection URL. If unset: dev starts a private server in DATA_DIR',
  }),
  databaseReadPool: variable({
    name: 'DATABASE_READ_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '8',
    describe: 'Maximum database connections of one process for REST queries',
  }),
  databaseSearchPool: variable({
    name: 'DATABASE_SEARCH_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '4',
    describe: 'Maximum database connections of one process for REST searches',
  }),
  databaseBatchPool: variable({
    name: 'DATABASE_BATCH_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '12',
    describe: 'Maximum database connections of one worker for batches and for reading the events to publish',
  }),
  databaseLeasePool: variable({
    name: 'DATABASE_LEASE_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '2',
    describe: 'Maximum database connections of one process for heartbeats, partition leases and its health check',
  }),
  databaseRelayPool: variable({
    name: 'DATABASE_RELAY_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '4',
    describe: 'Maximum database connections of one relay for its cursors and for reading the log',
  }),
  amqpUrl: variable({
    name: 'AMQP_URL',
    parse: url('amqp', 'amqps'),
    describe:
      'RabbitMQ connection URL. If unset: dev starts a private node in DATA_DIR if RabbitMQ is installed, else it uses the in-process transport',
  }),
  port: variable({ name: 'PORT', parse: port, default: '8002', describe: 'TCP port of the REST API' }),
  opsPort: variable({
    name: 'OPS_PORT',
    parse: port,
    default: '8003',
    describe: 'TCP port of /livez, /readyz and /metrics',
  }),
  host: variable({
    name: 'HOST',
    parse: text({ minLength: 1 }),
    describe: 'Address that both ports listen on. If unset: all addresses, in dev 127.0.0.1',
  }),
  jwtSecret: variable({
    name: 'JWT_SECRET',
    parse: text({ minLength: JWT_SECRET_MIN_LENGTH }),
    secret: true,
    describe:
      'HS256 secret that verifies tokens, at least 32 characters. Set this or JWT_JWKS_URL. If both are unset: dev generates a secret',
  }),
  jwtJwksUrl: variable({
    name: 'JWT_JWKS_URL',
    parse: url('https', 'http'),
    describe: 'URL of the key set (JWKS) that verifies tokens. Set this or JWT_SECRET',
  }),
  jwtIssuer: variable({
    name: 'JWT_ISSUER',
    parse: text(),
    describe: 'Required value of the token claim iss. If unset: iss is not checked',
  }),
  jwtAudience: variable({
    name: 'JWT_AUDIENCE',
    parse: text(),
    describe: 'Required value of the token claim aud. If unset: aud is not checked',
  }),
  jwtUserClaim: variable({
    name: 'JWT_USER_CLAIM',
    parse: text({ pattern: CLAIM_NAME, expected: 'the name of a claim' }),
    default: 'sub',
    describe: 'Token claim that holds the user id of the actor',
  }),
  jwtTenantClaim: variable({
    name: 'JWT_TENANT_CLAIM',
    parse: text({ pattern: CLAIM_NAME, expected: 'the name of a claim' }),
    describe:
      'Token claim that holds the tenant id; every token must have it. If unset: tenant, and a token without it belongs to the tenant default',
  }),
  namespace: variable({
    name: 'CHAT_NAMESPACE',
    parse: text({ pattern: NAMESPACE, expected: '1 to 32 of A-Z a-z 0-9 _ -' }),
    default: 'chat',
    describe: 'Prefix of the names of all broker objects. Fixed at the first start',
  }),
  partitions: variable({
    name: 'COMMAND_PARTITIONS',
    parse: integer({ min: 1, max: 1024 }),
    default: '8',
    describe: 'Number of partitions; each has one command queue. Fixed at the first start',
  }),
  dispatchQueues: variable({
    name: 'DISPATCH_QUEUES',
    parse: dispatchQueues,
    describe:
      'Dispatch queues and their bindings: name=binding,binding;name=…, or none. If unset: <CHAT_NAMESPACE>.dispatch=#',
  }),
  dispatchMaxBytes: variable({
    name: 'DISPATCH_MAX_BYTES',
    parse: byteSize({ min: 1024 }),
    default: '1GiB',
    describe: 'Maximum size of each dispatch queue. DISPATCH_WHEN_FULL sets what happens above it',
  }),
  dispatchWhenFull: variable({
    name: 'DISPATCH_WHEN_FULL',
    parse: oneOf('refuse', 'drop-oldest'),
    describe:
      'Full dispatch queue: refuse keeps new events in the database until there is room, drop-oldest loses the oldest events of the queue. If unset: refuse, in dev drop-oldest',
  }),
  commandAuth: variable({
    name: 'COMMAND_AUTH',
    parse: oneOf('producer', 'jwt'),
    default: 'producer',
    describe:
      'Authentication of the actor of a command: producer trusts the program that publishes it, jwt requires a token in each command',
  }),
  jwksWaitMs: variable({
    name: 'JWKS_WAIT',
    parse: duration({ max: 60_000 }),
    default: '5s',
    describe:
      'With COMMAND_AUTH=jwt: maximum time that a command waits while the keys of JWT_JWKS_URL are unavailable; then the answer is unauthenticated',
  }),
  tokenExpiryGraceMs: variable({
    name: 'TOKEN_EXPIRY_GRACE',
    parse: duration(),
    default: '24h',
    describe:
      'With COMMAND_AUTH=jwt: time after its expiry for which a token still authenticates a command, because commands wait in queues',
  }),
  policyFile: variable({
    name: 'POLICY_FILE',
    parse: text({ minLength: 1 }),
    describe: 'Path of the policy file. If unset: policy/default.yaml of Parley. SIGHUP reads the file again',
  }),
  decisionRetentionMs: variable({
    name: 'DECISION_RETENTION',
    parse: duration({ min: 1_000 }),
    default: '30d',
    describe: 'Time for which policy decisions are kept',
  }),
  decisionSampleRate: variable({
    name: 'DECISION_SAMPLE_RATE',
    parse: share,
    default: '0.01',
    describe:
      'Share of the permits that are logged, 0 to 1. Refusals, and permits whose command was rejected, are always logged',
  }),
  receiptRetentionMs: variable({
    name: 'RECEIPT_RETENTION',
    parse: duration({ min: 1_000 }),
    default: '72h',
    describe: 'Time for which a receipt is kept. For this time a repeated command is recognized',
  }),
  receiptTimeoutMs: variable({
    name: 'RECEIPT_TIMEOUT',
    parse: duration({ max: 60_000 }),
    default: '5s',
    describe: 'Time that REST waits for the receipt of a command before it answers 202',
  }),
  eventRecipientsMax: variable({
    name: 'EVENT_RECIPIENTS_MAX',
    parse: integer({ min: 0, max: 1_000 }),
    default: '256',
    describe: 'Maximum number of recipients listed in an event; above this, `recipients` is null',
  }),
  concurrentBatches: variable({
    name: 'CONCURRENT_BATCHES',
    parse: integer({ min: 1, max: 256 }),
    default: '3',
    describe:
      'Maximum number of batches that one worker has in the database at the same time. Raise it if the round trip to the database is slow',
  }),
  maxCommandAttempts: variable({
    name: 'MAX_COMMAND_ATTEMPTS',
    parse: integer({ min: 1, max: 100 }),
    default: '3',
    describe: 'Number of times that a command may fail alone before it is dead-lettered',
  }),
  editWindowMs: variable({
    name: 'EDIT_WINDOW',
    parse: editWindow,
    default: 'none',
    describe:
      'Time for which a message may be edited: 24h, or none for no limit, or by tenant: acme=15m,other=none,*=24h',
  }),
  chatMembersMax: variable({
    name: 'CHAT_MEMBERS_MAX',
    parse: integer({ min: 2, max: 1_000_000 }),
    default: String(DEFAULT_LIMITS.chatMembersMax),
    describe: 'Maximum number of members of one chat; a command that exceeds it is rejected with limit_reached',
  }),
  userChatsMax: variable({
    name: 'USER_CHATS_MAX',
    parse: integer({ min: 1, max: 1_000_000 }),
    default: String(DEFAULT_LIMITS.userChatsMax),
    describe:
      'Maximum number of chats of one user, counted separately for chats that the user created and for groups and channels that others created',
  }),
  rateLimitRequests: variable({
    name: 'REST_RATE_LIMIT',
    parse: integer({ min: 1 }),
    default: '1000',
    describe: 'Maximum number of REST requests of one caller within REST_RATE_WINDOW, per process',
  }),
  rateLimitWindowMs: variable({
    name: 'REST_RATE_WINDOW',
    parse: duration({ min: 1_000 }),
    default: '10s',
    describe: 'Length of the window of REST_RATE_LIMIT',
  }),
  readsAtOnce: variable({
    name: 'REST_READS_AT_ONCE',
    parse: integer({ min: 1, max: 1_000 }),
    default: '4',
    describe: 'Maximum number of concurrent REST queries of one caller, per process; further queries wait up to 2 s',
  }),
  searchesAtOnce: variable({
    name: 'REST_SEARCHES_AT_ONCE',
    parse: integer({ min: 1, max: 1_000 }),
    default: '2',
    describe: 'Maximum number of concurrent REST searches of one caller, per process; further searches wait up to 2 s',
  }),
  allowedOrigins: variable({
    name: 'CORS_ORIGINS',
    parse: origins,
    describe: 'Origins of the browser applications that may call REST, separated by commas. If unset: none',
  }),
  jsonLinesDir: variable({
    name: 'JSON_LINES_DIR',
    parse: text({ minLength: 1 }),
    describe: 'Folder to which the relay writes all events as JSON Lines, for development. If unset: off',
  }),
  jsonLinesFsync: variable({
    name: 'JSON_LINES_FSYNC',
    parse: oneOf('batch', 'never'),
    default: 'batch',
    describe:
      'JSON Lines: batch flushes events to the disk before they count as delivered, never leaves that to the operating system',
  }),
  store: variable({
    name: 'STORE',
    parse: oneOf('postgres', 'memory'),
    default: 'postgres',
    describe:
      'Store of dev. memory needs no database and keeps nothing when the process ends. Other roles use postgres',
  }),
  transport: variable({
    name: 'TRANSPORT',
    parse: oneOf('amqp', 'in-process'),
    describe:
      'Transport of dev. in-process needs no broker; commands arrive over REST only. If unset: amqp if RabbitMQ is available. Other roles use amqp',
  }),
  dataDir: variable({
    name: 'DATA_DIR',
    parse: text({ minLength: 1 }),
    default: '.data',
    describe: 'Folder in which dev keeps its private services and its secret',
  }),
  logLevel: variable({
    name: 'LOG_LEVEL',
    parse: oneOf('error', 'warn', 'info', 'debug'),
    default: 'info',
    describe: 'Lowest level that is logged: error, warn, info or debug',
  }),
  logFormat: variable({
    name: 'LOG_FORMAT',
    parse: oneOf('json', 'pretty'),
    describe: 'Format of the log: json or pretty. If unset: pretty on a terminal, else json',
  }),
};

export type Settings = ReturnType<typeof readConfig<typeof variables>>['values'];

export type Purpose = 'dev' | 'worker' | 'api' | 'relay' | 'migrate' | 'topology' | 'token';

/** Variables of which a purpose needs one each. `dev` brings its own. */
function needsOf(purpose: Purpose, settings: Settings): string[][] {
  const needs: string[][] = [];
  if (['worker', 'api', 'relay', 'migrate'].includes(purpose)) needs.push(['DATABASE_URL']);
  // A relay without a log consumer would do nothing.
  if (purpose === 'relay') needs.push(['JSON_LINES_DIR']);
  if (['worker', 'api'].includes(purpose)) needs.push(['AMQP_URL']);
  if (purpose === 'api' || (purpose === 'worker' && settings.commandAuth === 'jwt'))
    needs.push(['JWT_SECRET', 'JWT_JWKS_URL']);
  return needs;
}

/** Every variable with its source, and all that is wrong with them for these purposes, one line each. */
export function readSettings(purposes: readonly Purpose[]) {
  const { values, entries, faults: unreadable } = readEnvironment();
  const isGiven = (name: string) => entries.some((entry) => entry.name === name && entry.source !== 'unset');
  const missing = purposes
    .flatMap((purpose) => needsOf(purpose, values))
    .filter((names) => !names.some(isGiven))
    .map((names) => `${names.join(' or ')} is required`);
  const faults = [...unreadable, ...new Set(missing)];
  if (unreadable.length === 0) faults.push(...takenQueues(values));
  if (isGiven('JWT_SECRET') && isGiven('JWT_JWKS_URL')) faults.push('JWT_SECRET and JWT_JWKS_URL exclude each other');
  faults.push(...faultsOfStoreAndTransport(values, purposes));
  return { settings: values, entries, faults };
}

/** The in-memory store and the in-process transport end with their process, so that one process alone can use them. */
function faultsOfStoreAndTransport(
  { store, transport, databaseUrl, amqpUrl }: Settings,
  purposes: readonly Purpose[],
): string[] {
  const faults: string[] = [];
  const isDev = purposes.includes('dev');
  const isRole = (['worker', 'api', 'relay'] as const).some((role) => purposes.includes(role));
  if (isRole && store === 'memory')
    faults.push('STORE=memory is for dev: the processes of an installation share a database');
  if (isRole && transport === 'in-process')
    faults.push('TRANSPORT=in-process is for dev: the processes of an installation share a broker');
  if (!isDev) return faults;
  if (store === 'memory' && databaseUrl !== undefined) faults.push('STORE=memory and DATABASE_URL exclude each other');
  if (transport === 'in-process' && amqpUrl !== undefined)
    faults.push('TRANSPORT=in-process and AMQP_URL exclude each other');
  if (store === 'memory' && transport !== 'in-process')
    faults.push('STORE=memory needs TRANSPORT=in-process: a broker would keep commands for a store that is gone');
  return faults;
}

/** Dispatch queues that are called like one of Parley's own. */
function takenQueues(settings: Settings): string[] {
  const { namespace, partitions, dispatchQueues = [] } = settings;
  const own = [names.deadLetters(namespace)];
  for (let index = 0; index < partitions; index += 1) own.push(names.commandQueue(namespace, index));
  return dispatchQueues
    .filter(({ name }) => own.includes(name) || name.startsWith(names.replies(namespace)))
    .map(({ name }) => `DISPATCH_QUEUES names ${name}, which is one of Parley's own queues`);
}

function readEnvironment() {
  try {
    return readConfig(variables);
  } catch (error) {
    throw new StartupError([`.env cannot be read: ${(error as Error).message}`], { cause: error });
  }
}

/** Settings for a purpose, or a `StartupError` with one line per fault. */
export function requireSettings(...purposes: Purpose[]): Settings {
  const { settings, faults } = readSettings(purposes);
  if (faults.length > 0) throw new StartupError(faults);
  return settings;
}

export function topologySettings(settings: Settings): TopologySettings {
  const { namespace, partitions, dispatchMaxBytes, dispatchWhenFull = 'refuse' } = settings;
  const dispatchQueues = settings.dispatchQueues ?? [{ name: `${namespace}.dispatch`, bindings: ['#'] }];
  return { namespace, partitions, dispatchQueues, dispatchMaxBytes, dispatchWhenFull };
}
