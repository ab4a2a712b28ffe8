/** The settings of all roles that serve HTTP. */
import { variable } from '../../infrastructure/config/config.js';
import { duration, port } from '../../infrastructure/config/config-values.js';

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
};
