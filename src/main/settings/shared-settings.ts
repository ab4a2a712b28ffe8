/** The settings that several roles or commands read. A setting that only one role reads is in the file of that role. */
import { type Values, variable } from '../../infrastructure/config/config.js';
import { duration, integer, oneOf, port, share, text, url } from '../../infrastructure/config/config-values.js';
import { storeNames, storeVariables } from '../stores/registry.js';
import { transportNames, transportVariables } from '../transports/registry.js';
import { httpVariables } from './http-settings.js';
import { topologyVariables } from './topology-settings.js';

const CLAIM_NAME = /^[!-~]{1,256}$/;
export const JWT_SECRET_MIN_LENGTH = 32;

export const sharedVariables = {
  ...storeVariables,
  ...transportVariables,
  ...topologyVariables,
  ...httpVariables,
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
  tokenMaxAgeMs: variable({
    name: 'TOKEN_MAX_AGE',
    parse: duration({ min: 60_000 }),
    describe:
      'Time after its issue (claim iat) from which a token is refused, whatever its exp. If unset: no limit, and revocations are kept forever',
  }),
  policyFile: variable({
    name: 'POLICY_FILE',
    parse: text({ minLength: 1 }),
    describe: 'Path of the policy file. If unset: policy/default.yaml of Parley. SIGHUP reads the file again',
  }),
  decisionSampleRate: variable({
    name: 'DECISION_SAMPLE_RATE',
    parse: share,
    default: '0.01',
    describe:
      'Share of the permits that are logged, 0 to 1. Refusals, and permits whose command was rejected, are always logged',
  }),
  eventRecipientsMax: variable({
    name: 'EVENT_RECIPIENTS_MAX',
    parse: integer({ min: 0, max: 1_000 }),
    default: '256',
    describe: 'Maximum number of recipients listed in an event; above this, `recipients` is null',
  }),
  store: variable({
    name: 'STORE',
    parse: oneOf(...storeNames),
    default: 'postgres',
    describe:
      'Store of dev. memory needs no database and keeps nothing when the process ends. Other roles use postgres',
  }),
  transport: variable({
    name: 'TRANSPORT',
    parse: oneOf(...transportNames),
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

export type SharedSettings = Values<typeof sharedVariables>;
