import { debianVersions } from '../../../src/infrastructure/embedded/postgres-binaries.js';
import { findRabbitmq } from '../../../src/infrastructure/embedded/rabbitmq-program.js';
import { ensureInstalled } from './debian-package.js';

const NEED = 'the tests need RabbitMQ: install rabbitmq-server (so that it is on the PATH) or set TEST_AMQP_URL';

/**
 * Sees to it that tests can have a RabbitMQ: one named by TEST_AMQP_URL, the program on this machine, or the Debian
 * package.
 * @returns what is missing, in one line, or nothing
 */
export function ensureRabbitmq(): string | undefined {
  if (process.env.TEST_AMQP_URL) return undefined;
  return ensureInstalled('rabbitmq-server', NEED, () => findRabbitmq() !== undefined);
}

const POSTGRES_NEED =
  'these tests need an installed PostgreSQL, such as the Debian package postgresql, or TEST_POSTGRES';

/**
 * The PostgreSQL beside the embedded one that the store's tests run on: named by TEST_POSTGRES, the oldest of Debian's
 * packages on this machine, or, as root on Debian, the one that its package brings.
 * @returns what TEST_POSTGRES takes, or why there is none, in one line
 */
export function ensureInstalledPostgres(): { named: string } | { missing: string } {
  const named = process.env.TEST_POSTGRES || debianVersions()[0];
  if (named) return { named };
  const missing = ensureInstalled('postgresql', POSTGRES_NEED, () => debianVersions().length > 0);
  return missing === undefined ? { named: debianVersions()[0] as string } : { missing };
}
