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
    describe: 'PostgreSQL; in dev a private one in DATA_DIR where unset',
  }),
  databaseReadPool: variable({
    name: 'DATABASE_READ_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '8',
    describe: 'Most database connections of one process for the queries of REST',
  }),
  databaseSearchPool: variable({
    name: 'DATABASE_SEARCH_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '4',
    describe: 'Most database connections of one process for searches',
  }),
  databaseBatchPool: variable({
    name: 'DATABASE_BATCH_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '12',
    describe: 'Most database connections of one worker for its batches and the events that it publishes',
  }),
  databaseLeasePool: variable({
    name: 'DATABASE_LEASE_POOL',
    parse: integer({ min: 2, max: 200 }),
    default: '2',
    describe: 'Most database connections of one process for heartbeats, partition leases and its own health',
  }),
  amqpUrl: variable({
    name: 'AMQP_URL',
    parse: url('amqp', 'amqps'),
    describe: 'RabbitMQ; in dev a private node in DATA_DIR where unset and installed, else the in-process transport',
  }),
  port: variable({ name: 'PORT', parse: port, default: '8002', describe: 'REST' }),
  opsPort: variable({ name: 'OPS_PORT', parse: port, default: '8003', describe: '/livez, /readyz, /metrics' }),
  host: variable({
    name: 'HOST',
    parse: text({ minLength: 1 }),
    describe: 'Address to listen on: all of them where unset, in dev 127.0.0.1',
  }),
  jwtSecret: variable({
    name: 'JWT_SECRET',
    parse: text({ minLength: JWT_SECRET_MIN_LENGTH }),
    secret: true,
    describe: 'HS256 secret of the tokens, 32 characters or more; this or JWT_JWKS_URL; in dev generated where unset',
  }),
  jwtJwksUrl: variable({
    name: 'JWT_JWKS_URL',
    parse: url('https', 'http'),
    describe: 'Key set that tokens are judged by instead of a secret',
  }),
  jwtIssuer: variable({ name: 'JWT_ISSUER', parse: text(), describe: 'Expected iss claim' }),
  jwtAudience: variable({ name: 'JWT_AUDIENCE', parse: text(), describe: 'Expected aud claim' }),
  jwtUserClaim: variable({
    name: 'JWT_USER_CLAIM',
    parse: text({ pattern: CLAIM_NAME, expected: 'the name of a claim' }),
    default: 'sub',
    describe: 'Claim of a token that is the user id of the actor',
  }),
  jwtTenantClaim: variable({
    name: 'JWT_TENANT_CLAIM',
    parse: text({ pattern: CLAIM_NAME, expected: 'the name of a claim' }),
    describe:
      'Claim of a token that is the tenant id, required in every token; where unset it is tenant, and a token without it is of the tenant default',
  }),
  namespace: variable({
    name: 'CHAT_NAMESPACE',
    parse: text({ pattern: NAMESPACE, expected: '1 to 32 of A-Z a-z 0-9 _ -' }),
    default: 'chat',
    describe: "Prefix of every broker object's name",
  }),
  partitions: variable({
    name: 'COMMAND_PARTITIONS',
    parse: integer({ min: 1, max: 1024 }),
    default: '8',
    describe: 'Command queues; fixed at the first start',
  }),
  dispatchQueues: variable({
    name: 'DISPATCH_QUEUES',
    parse: dispatchQueues,
    describe:
      'Dispatch queues and their bindings, name=binding,binding;…, or none; where unset <CHAT_NAMESPACE>.dispatch=#',
  }),
  dispatchMaxBytes: variable({
    name: 'DISPATCH_MAX_BYTES',
    parse: byteSize({ min: 1024 }),
    default: '1GiB',
    describe: 'Bound of each dispatch queue; past it events wait in the store',
  }),
  dispatchWhenFull: variable({
    name: 'DISPATCH_WHEN_FULL',
    parse: oneOf('refuse', 'drop-oldest'),
    describe:
      'A full dispatch queue: refuse makes events wait in the store, drop-oldest loses its oldest events; where unset refuse, in dev drop-oldest',
  }),
  commandAuth: variable({
    name: 'COMMAND_AUTH',
    parse: oneOf('producer', 'jwt'),
    default: 'producer',
    describe: 'Whether producers are trusted with the actor, or each command carries a token that proves it',
  }),
  jwksWaitMs: variable({
    name: 'JWKS_WAIT',
    parse: duration({ max: 60_000 }),
    default: '5s',
    describe:
      'With COMMAND_AUTH=jwt: how long commands wait while the keys of JWT_JWKS_URL cannot be had, before they are answered unauthenticated',
  }),
  tokenExpiryGraceMs: variable({
    name: 'TOKEN_EXPIRY_GRACE',
    parse: duration(),
    default: '24h',
    describe: 'How long after its expiry a token still proves a command that waited',
  }),
  policyFile: variable({
    name: 'POLICY_FILE',
    parse: text({ minLength: 1 }),
    describe: "Who may do what; Parley's own policy/default.yaml where unset. SIGHUP reads it again",
  }),
  decisionRetentionMs: variable({
    name: 'DECISION_RETENTION',
    parse: duration({ min: 1_000 }),
    default: '30d',
    describe: 'How long decisions of the policy are kept',
  }),
  decisionSampleRate: variable({
    name: 'DECISION_SAMPLE_RATE',
    parse: share,
    default: '0.01',
    describe: 'How many of the permits are kept, 0 to 1; all are whose command was refused',
  }),
  receiptRetentionMs: variable({
    name: 'RECEIPT_RETENTION',
    parse: duration({ min: 1_000 }),
    default: '72h',
    describe: 'How long a repeated command is recognised',
  }),
  receiptTimeoutMs: variable({
    name: 'RECEIPT_TIMEOUT',
    parse: duration({ max: 60_000 }),
    default: '5s',
    describe: 'How long REST awaits a receipt before it answers 202',
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
    describe: 'Batches that a worker has in the database at a time; more of them where the database is far away',
  }),
  maxCommandAttempts: variable({
    name: 'MAX_COMMAND_ATTEMPTS',
    parse: integer({ min: 1, max: 100 }),
    default: '3',
    describe: 'How often a command may fail alone before it is dead-lettered',
  }),
  editWindowMs: variable({
    name: 'EDIT_WINDOW',
    parse: editWindow,
    default: 'none',
    describe: 'How long a message may be edited: 24h, or none for ever, or by tenant: acme=15m,other=none,*=24h',
  }),
  chatMembersMax: variable({
    name: 'CHAT_MEMBERS_MAX',
    parse: integer({ min: 2, max: 1_000_000 }),
    default: String(DEFAULT_LIMITS.chatMembersMax),
    describe: 'Most members of one chat; a command that would add more is refused as limit_reached',
  }),
  userChatsMax: variable({
    name: 'USER_CHATS_MAX',
    parse: integer({ min: 1, max: 1_000_000 }),
    default: String(DEFAULT_LIMITS.userChatsMax),
    describe: 'Most chats of one user: of those the user created, and of groups and channels that others created',
  }),
  rateLimitRequests: variable({
    name: 'REST_RATE_LIMIT',
    parse: integer({ min: 1 }),
    default: '1000',
    describe: 'REST requests a caller may make within REST_RATE_WINDOW, per process',
  }),
  rateLimitWindowMs: variable({
    name: 'REST_RATE_WINDOW',
    parse: duration({ min: 1_000 }),
    default: '10s',
    describe: 'See REST_RATE_LIMIT',
  }),
  readsAtOnce: variable({
    name: 'REST_READS_AT_ONCE',
    parse: integer({ min: 1, max: 1_000 }),
    default: '4',
    describe: 'Queries of one caller that REST answers at a time, per process; more of them wait, at most 2 s',
  }),
  searchesAtOnce: variable({
    name: 'REST_SEARCHES_AT_ONCE',
    parse: integer({ min: 1, max: 1_000 }),
    default: '2',
    describe: 'Searches of one caller that REST answers at a time, per process; more of them wait, at most 2 s',
  }),
  allowedOrigins: variable({
    name: 'CORS_ORIGINS',
    parse: origins,
    describe: 'Origins of browser applications that may call, separated by commas; none where unset',
  }),
  store: variable({
    name: 'STORE',
    parse: oneOf('postgres', 'memory'),
    default: 'postgres',
    describe:
      'Store of dev: memory needs no database and keeps nothing when the process ends; other roles use postgres',
  }),
  transport: variable({
    name: 'TRANSPORT',
    parse: oneOf('amqp', 'in-process'),
    describe:
      'Transport of dev: in-process needs no broker, and commands come in by REST alone; where unset amqp if RabbitMQ is there; other roles use amqp',
  }),
  dataDir: variable({
    name: 'DATA_DIR',
    parse: text({ minLength: 1 }),
    default: '.data',
    describe: 'Where dev keeps its private services and its secret',
  }),
  logLevel: variable({
    name: 'LOG_LEVEL',
    parse: oneOf('error', 'warn', 'info', 'debug'),
    default: 'info',
    describe: 'error, warn, info or debug',
  }),
  logFormat: variable({
    name: 'LOG_FORMAT',
    parse: oneOf('json', 'pretty'),
    describe: 'json or pretty; pretty on a terminal where unset',
  }),
};

export type Settings = ReturnType<typeof readConfig<typeof variables>>['values'];

export type Purpose = 'dev' | 'worker' | 'api' | 'migrate' | 'topology' | 'token';

/** Variables of which a purpose needs one each. `dev` brings its own. */
function needsOf(purpose: Purpose, settings: Settings): string[][] {
  const needs: string[][] = [];
  if (['worker', 'api', 'migrate'].includes(purpose)) needs.push(['DATABASE_URL']);
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
  const isRole = purposes.includes('worker') || purposes.includes('api');
  if (isRole && store === 'memory') faults.push('STORE=memory is for dev: a worker and an api share a database');
  if (isRole && transport === 'in-process')
    faults.push('TRANSPORT=in-process is for dev: a worker and an api share a broker');
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

/** Settings for a purpose, or a `StartFault` with one line per fault. */
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
