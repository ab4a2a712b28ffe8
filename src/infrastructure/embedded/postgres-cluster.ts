import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type PostgresAccount, serverFolder } from './postgres-account.js';

const INITDB_TIMEOUT_MS = 120_000;
/** Sorts by code point and knows Unicode's letters. The result is the same on every platform, whatever its locales. */
const LOCALE_OPTIONS = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
/**
 * Full-text search uses LC_CTYPE with any locale provider. In C every character beyond ASCII counts as a letter, so a
 * word beside “, — or an emoji is not found by itself. The available names depend on the platform: glibc and musl have
 * the first, macOS the last. C is the fallback.
 */
const CTYPES = ['C.UTF-8', 'C.utf8', 'en_US.UTF-8', 'C'];

/**
 * The cluster's folder, created by `initdb` if it is missing. It gets its name only when it is complete, so a killed
 * first start leaves nothing that looks like a cluster.
 * @throws Error of one line with the output of initdb
 */
export function createCluster(options: {
  folder: string;
  initdb: string;
  account: PostgresAccount;
  /** Whether the new files must survive a power failure. */
  durable: boolean;
  /** Default: those of the package's PostgreSQL. */
  localeOptions?: readonly string[] | undefined;
}): string {
  const { folder, account } = options;
  const cluster = join(folder, 'cluster');
  if (existsSync(cluster)) {
    adopt(cluster, account);
    return cluster;
  }
  const localeOptions = options.localeOptions ? [options.localeOptions] : CTYPES.map(withCtype);
  const unfinished = join(folder, 'cluster.new');
  for (const [index, locale] of localeOptions.entries()) {
    const said = initialize(unfinished, locale, options);
    if (said === null) break;
    const isLast = index === localeOptions.length - 1;
    if (isLast || !UNKNOWN_LOCALE.test(said)) throw new Error(`PostgreSQL's initdb failed in ${folder}: ${said}`);
  }
  renameSync(unfinished, cluster);
  return cluster;
}

const UNKNOWN_LOCALE = /invalid locale (name|settings)/;

function withCtype(ctype: string): string[] {
  return [...LOCALE_OPTIONS, `--lc-ctype=${ctype}`];
}

/** @returns null on success, else the output of initdb on one line */
function initialize(
  unfinished: string,
  localeOptions: readonly string[],
  { initdb, account, durable }: { initdb: string; account: PostgresAccount; durable: boolean },
): string | null {
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (account.owner) chownSync(unfinished, account.owner.uid, account.owner.gid);
  const { cwd, path } = serverFolder(unfinished, account);
  const args = [
    `--pgdata=${path}`,
    '--username=postgres',
    `--pwfile=${path}/../password`, // Not `join`: the path may be a link.
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...localeOptions,
    ...(durable ? [] : ['--no-sync']),
  ];
  const result = spawnSync(initdb, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
    encoding: 'utf8',
    timeout: INITDB_TIMEOUT_MS,
    ...account.owner,
  });
  if (result.status === 0) return null;
  return (result.error?.message ?? result.stderr.trim()).replaceAll('\n', ' | ');
}

/** The account's number differs between machines and images that share one folder. */
function adopt(cluster: string, account: PostgresAccount): void {
  if (account.owner === undefined || statSync(cluster).uid === account.owner.uid) return;
  const { uid, gid } = account.owner;
  const { status, stderr } = spawnSync('chown', ['-R', `${uid}:${gid}`, cluster], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${cluster} belongs to another user: ${stderr.trim()}`);
}
