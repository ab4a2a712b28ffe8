/** The settings of the roles that serve clients. */
import { variable } from '../../infrastructure/config/config.js';
import { duration, integer, port } from '../../infrastructure/config/config-values.js';

/** `https://chat.example, https://example:8080`: in the notation of browsers, without a path. */
function origins(value: string): string[] {
  const all = value.split(',').map((origin) => origin.trim());
  if (all.some((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin))
    throw new Error('must be origins such as https://chat.example, separated by commas');
  return all;
}

export const httpVariables = {
  port: variable({
    name: 'PORT',
    parse: port,
    default: '8002',
    describe: 'TCP port of the REST API and of realtime',
  }),
  allowedOrigins: variable({
    name: 'CORS_ORIGINS',
    parse: origins,
    describe: 'Origins of the browser applications that may call REST or connect, separated by commas. If unset: none',
  }),
  receiptTimeoutMs: variable({
    name: 'RECEIPT_TIMEOUT',
    parse: duration({ max: 60_000 }),
    default: '5s',
    describe: 'Time that REST and the gateway wait for the receipt of a command before REST answers 202',
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
};
