import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** The account that PostgreSQL runs under. */
export interface PostgresAccount {
  /** Undefined: the account of this process. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Whether the account may pass through every existing folder above the path. The path itself need not exist. */
  canReach(path: string): boolean;
}

const ACCOUNT = 'postgres';

/**
 * PostgreSQL refuses to run as root. A root process runs it as the system user `postgres`, which is created if it is
 * missing. Any other process runs it under its own account.
 *
 * The user `postgres` often cannot enter the checkout or the data folder, because root's home has mode 0700. No mode of
 * such a folder is changed. The server gets a copy of the programs (postgres-programs.ts) and reaches its data through
 * its working folder (`serverFolder`). The capability CAP_DAC_READ_SEARCH is not enough: PostgreSQL checks its programs
 * with access(2), which ignores the capabilities of an ordinary user, and containers rarely have it.
 */
export function postgresAccount(): PostgresAccount {
  if (process.getuid?.() !== 0) return { owner: undefined, canReach: () => true };
  const owner = findAccount() ?? createAccount();
  return { owner, canReach: (path) => canReach(path, owner) };
}

/**
 * How a program of the account reaches a folder: by its path, or, if the account cannot reach that, as its working
 * folder. This process sets the working folder before the program changes to its account. The folder must exist.
 * @throws Error of one line if the system has no fixed path for the working folder
 */
export function serverFolder(path: string, account: PostgresAccount): { cwd: string; path: string } {
  if (account.canReach(path)) return { cwd: '/', path };
  if (process.platform !== 'linux') {
    throw new Error(
      `PostgreSQL runs as user ${ACCOUNT}, who cannot enter ${dirname(path)}: run as an ordinary user, or move the data folder`,
    );
  }
  return { cwd: path, path: '/proc/self/cwd' };
}

function findAccount(): { uid: number; gid: number } | undefined {
  const [uid, gid] = ['-u', '-g'].map((option) => {
    const { status, stdout } = spawnSync('id', [option, ACCOUNT], { encoding: 'utf8' });
    return status === 0 ? Number(stdout.trim()) : undefined;
  });
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function createAccount(): { uid: number; gid: number } {
  const attempts = [
    ['useradd', '--system', '--no-create-home', '--user-group', '--shell', '/usr/sbin/nologin', ACCOUNT],
    ['useradd', '--system', '--no-create-home', '--gid', ACCOUNT, '--shell', '/usr/sbin/nologin', ACCOUNT],
    ['adduser', '-S', '-D', '-H', ACCOUNT], // BusyBox
  ] as const;
  for (const [program, ...args] of attempts) {
    spawnSync(program, args, { stdio: 'ignore' });
    const account = findAccount();
    if (account !== undefined) return account;
  }
  throw new Error(
    `PostgreSQL does not run as root, and the user ${ACCOUNT} could not be made: run as an ordinary user`,
  );
}

function canReach(path: string, account: { uid: number; gid: number }): boolean {
  // A link in the path leads below other folders.
  return [resolve(path), realPath(resolve(path))].flatMap(foldersAbove).every((folder) => mayEnter(folder, account));
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [...foldersAbove(folder), folder];
}

/** Resolves links in the existing part of the path. The rest stays as it is. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realPath(dirname(path)), basename(path));
}

function mayEnter(folder: string, account: { uid: number; gid: number }): boolean {
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return true;
  const shift = stat.uid === account.uid ? 6 : stat.gid === account.gid ? 3 : 0;
  return ((stat.mode >> shift) & 1) !== 0;
}
