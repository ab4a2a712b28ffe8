import { findRabbitmq } from '../../src/infrastructure/embedded/rabbitmq-program.js';
import { ensureInstalled } from './debian-package.js';

const NEED = 'the tests need RabbitMQ: install rabbitmq-server (so that it is on the PATH) or set TEST_AMQP_URL';

/**
 * Sees to it that tests can have a RabbitMQ: one named by TEST_AMQP_URL, the program on this machine, or the Debian package.
 * @returns what is missing, in one line, or nothing
 */
export function ensureRabbitmq(): string | undefined {
  if (process.env.TEST_AMQP_URL) return undefined;
  return ensureInstalled('rabbitmq-server', NEED, () => findRabbitmq() !== undefined);
}
