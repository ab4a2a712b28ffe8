import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** How to start a program under the account that PostgreSQL runs as. */
export interface PostgresAccount {
  /** `undefined`: our own account. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  command(program: string, args: readonly string[]): { file: string; args: string[]; uid?: number; gid?: number };
}

const ACCOUNT = 'postgres';

/**
 * PostgreSQL refuses to run as root. Anyone else is their own account; for root it is the system user `postgres`, made here
 * when it is missing.
 *
 * That user must get through to the programs and to the folder. Root's own home is usually closed to everyone, and a checkout
 * there is a common case: then the programs get the one capability that lets them pass (CAP_DAC_READ_SEARCH), by `setpriv`,
 * rather than us changing the rights of folders that are not ours.
 *
 * @param paths what the account must reach (need not exist yet)
 * @throws Error of one line naming the folder that is in the way
 */
export function postgresAccount(paths: readonly string[]): PostgresAccount {
  if (process.getuid?.() !== 0) {
    return { owner: undefined, command: (file, args) => ({ file, args: [...args] }) };
  }
  const owner = findAccount() ?? createAccount();
  const closed = paths.map((path) => closedFolderAbove(path, owner)).find((folder) => folder !== undefined);
  if (closed === undefined) {
    return { owner, command: (file, args) => ({ file, args: [...args], ...owner }) };
  }
  const prefix = [
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
  ];
  if (spawnSync('setpriv', [...prefix, 'true'], { stdio: 'ignore' }).status !== 0) {
    throw new Error(
      `PostgreSQL runs as user ${ACCOUNT}, who cannot enter ${closed}: run as an ordinary user, or move the data folder and the program`,
    );
  }
  return { owner, command: (program, args) => ({ file: 'setpriv', args: [...prefix, program, ...args] }) };
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

/** The outermost existing folder on the way to the path that the account may not pass through. */
function closedFolderAbove(path: string, account: { uid: number; gid: number }): string | undefined {
  const folders: string[] = [];
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  return folders.find((folder) => {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat === undefined) return false;
    const shift = stat.uid === account.uid ? 6 : stat.gid === account.gid ? 3 : 0;
    return ((stat.mode >> shift) & 1) === 0;
  });
}
