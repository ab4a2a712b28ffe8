import { debianVersions } from '../../../src/infrastructure/embedded/postgres-binaries.js';
import { findRabbitmq } from '../../../src/infrastructure/embedded/rabbitmq-program.js';
import { ensureInstalled } from './debian-package.js';

const NEED = 'the tests need RabbitMQ: install rabbitmq-server (so that it is on the PATH) or set TEST_AMQP_URL';

/**
 * Provides RabbitMQ for the tests: the broker of TEST_AMQP_URL, the installed program, or the Debian package.
 * @returns what is missing, in one line; undefined if nothing is
 */
export function ensureRabbitmq(): string | undefined {
  if (process.env.TEST_AMQP_URL) return undefined;
  return ensureInstalled('rabbitmq-server', NEED, () => findRabbitmq() !== undefined);
}

const POSTGRES_NEED =
  'these tests need an installed PostgreSQL, such as the Debian package postgresql, or TEST_POSTGRES';

/**
 * The second PostgreSQL for the tests of the store: TEST_POSTGRES, the oldest installed Debian package, or, as root on
 * Debian, a package that is installed.
 * @returns the value for TEST_POSTGRES, or why there is none, in one line
 */
export function ensureInstalledPostgres(): { named: string } | { missing: string } {
  const named = process.env.TEST_POSTGRES || debianVersions()[0];
  if (named) return { named };
  const missing = ensureInstalled('postgresql', POSTGRES_NEED, () => debianVersions().length > 0);
  return missing === undefined ? { named: debianVersions()[0] as string } : { missing };
}
