import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findRabbitmq } from '../../src/infrastructure/embedded/rabbitmq-node.js';
import { findOnPath } from '../../src/infrastructure/embedded/rabbitmq-program.js';

const INSTALL_TIMEOUT_MS = 10 * 60_000;
/** Debian asks this program whether a package may start its service. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';
const FORBIDDEN_BY_POLICY = 101;

/**
 * Sees to it that tests can have a RabbitMQ: one named by TEST_AMQP_URL, the program on this machine, or, as root on Debian,
 * the package, installed here unless TEST_INSTALL=never.
 * @returns what is missing, in one line, or nothing
 */
export function ensureRabbitmq(): string | undefined {
  if (process.env.TEST_AMQP_URL || findRabbitmq()) return undefined;
  const missing = 'the tests need RabbitMQ: install rabbitmq-server (so that it is on the PATH) or set TEST_AMQP_URL';
  if (process.env.TEST_INSTALL === 'never') return `${missing}; TEST_INSTALL=never forbids installing it`;
  const possible = process.getuid?.() === 0 && existsSync('/etc/debian_version') && findOnPath('apt-get');
  if (!possible) return missing;
  process.stderr.write(
    'Installing the Debian package rabbitmq-server for the tests (TEST_INSTALL=never forbids it).\n',
  );
  const failure = install();
  return failure || !findRabbitmq()
    ? `${missing}; installing it failed: ${failure ?? 'no rabbitmq-server'}`
    : undefined;
}

function install(): string | undefined {
  const ownPolicy = !existsSync(SERVICE_POLICY);
  if (ownPolicy) writeFileSync(SERVICE_POLICY, `#!/bin/sh\nexit ${FORBIDDEN_BY_POLICY}\n`, { mode: 0o755 });
  try {
    const args = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', 'install', 'rabbitmq-server'];
    if (aptGet(args) === undefined) return undefined;
    aptGet(['update']); // images come without package lists
    return aptGet(args);
  } finally {
    if (ownPolicy) rmSync(SERVICE_POLICY, { force: true });
  }
}

/** @returns why it failed, in one line, or nothing */
function aptGet(args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('apt-get', args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim().split('\n').at(-1) || `apt-get ended with ${status}`);
}
