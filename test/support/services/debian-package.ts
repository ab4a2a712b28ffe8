import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findOnPath } from '../../../src/infrastructure/embedded/rabbitmq-program.js';

const INSTALL_TIMEOUT_MS = 10 * 60_000;
const LOCK_TIMEOUT_S = 300;
/** Debian asks this program whether a package may start its service. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';
const FORBIDDEN_BY_POLICY = 101;

/**
 * Installs a Debian package if a program of the tests is missing: as root on Debian, with one line of output, unless
 * TEST_INSTALL=never.
 * @param need what is needed and how to install it, in one line
 * @returns what is missing, in one line; undefined if nothing is
 */
export function ensureInstalled(debianPackage: string, need: string, isThere: () => boolean): string | undefined {
  if (isThere()) return undefined;
  if (process.env.TEST_INSTALL === 'never') return `${need}; TEST_INSTALL=never forbids installing it`;
  const possible = process.getuid?.() === 0 && existsSync('/etc/debian_version') && findOnPath('apt-get');
  if (!possible) return need;
  process.stderr.write(
    `Installing the Debian package ${debianPackage} for the tests (TEST_INSTALL=never forbids it).\n`,
  );
  const failure = install(debianPackage);
  return failure || !isThere()
    ? `${need}; installing it failed: ${failure ?? `${debianPackage} did not bring it`}`
    : undefined;
}

function install(debianPackage: string): string | undefined {
  const ownPolicy = !existsSync(SERVICE_POLICY);
  if (ownPolicy) writeFileSync(SERVICE_POLICY, `#!/bin/sh\nexit ${FORBIDDEN_BY_POLICY}\n`, { mode: 0o755 });
  try {
    const waiting = ['-o', `DPkg::Lock::Timeout=${LOCK_TIMEOUT_S}`];
    const args = ['-y', '--no-install-recommends', ...waiting, 'install', debianPackage];
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
