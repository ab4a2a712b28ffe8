import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  constants,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { PostgresAccount } from './postgres-account.js';
import type { PostgresBinaries } from './postgres-binaries.js';

/** In the server's folder: a link to the copy of the programs that the server uses. */
const LINK = 'programs';
/** In the copy: a link back to that link. */
const OWNER = 'owner';
const NAME = /^parley-postgres-[0-9a-f]{16}$/;
/** The parts of the package that the server needs. */
const PARTS = ['bin', 'lib', 'share'];
/** The first is not emptied while a server runs and is rarely mounted `noexec`. The others may be both. */
const places = () => ['/var/cache', '/var/tmp', tmpdir()];
const PROBE_TIMEOUT_MS = 10_000;

/**
 * A folder of the programs that the account can run: the original, or a copy that belongs to this server alone and is
 * removed with it (`removeProgramsCopy`). The copy contains only public files and belongs to root.
 * @param folder the server's
 * @throws Error of one line if no copy can run
 */
export function reachablePrograms(
  folder: string,
  binaries: PostgresBinaries,
  account: PostgresAccount,
): { binaries: PostgresBinaries; copy: string | undefined } {
  if (account.canReach(binaries.postgres)) return { binaries, copy: undefined };
  const reasons: string[] = [];
  for (const place of places()) {
    const copy = join(place, `parley-postgres-${randomBytes(8).toString('hex')}`);
    const found = { postgres: join(copy, 'bin', 'postgres'), initdb: join(copy, 'bin', 'initdb') };
    const problem = account.canReach(copy)
      ? (makeCopy(folder, dirname(dirname(binaries.postgres)), copy) ?? whyNotRun(found.postgres, account))
      : 'closed to the account';
    if (problem === undefined) return { binaries: found, copy };
    removeProgramsCopy(folder);
    reasons.push(`${place}: ${problem}`);
  }
  throw new Error(
    `PostgreSQL's account cannot reach ${binaries.postgres}, and no copy can be run (${reasons.join('; ')}): run as an ordinary user`,
  );
}

/**
 * Works without the event loop, also in exit handlers. Does nothing if there is no copy. The server must have ended.
 */
export function removeProgramsCopy(folder: string): void {
  const link = join(folder, LINK);
  const copy = targetOf(link);
  if (copy === undefined) return;
  if (isCopy(copy)) rmSync(copy, { recursive: true, force: true });
  rmSync(link, { force: true });
}

/** @returns why the copy failed */
function makeCopy(folder: string, source: string, copy: string): string | undefined {
  try {
    removeOrphans(dirname(copy));
    const link = join(folder, LINK);
    symlinkSync(copy, link); // First, so that the next start finds a copy that a kill interrupted.
    mkdirSync(copy, { mode: 0o700 });
    symlinkSync(link, join(copy, OWNER));
    for (const part of PARTS) {
      const options = { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE };
      cpSync(join(source, part), join(copy, part), options);
    }
    // The checkout may have been created with a umask that excludes other users.
    const { status, stderr } = spawnSync('chmod', ['-R', 'u=rwX,go=rX', ...PARTS], { cwd: copy, encoding: 'utf8' });
    if (status !== 0) return stderr.trim();
    chmodSync(copy, 0o755);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function whyNotRun(postgres: string, account: PostgresAccount): string | undefined {
  const { status, error, stderr } = spawnSync(postgres, ['--version'], {
    ...account.owner,
    cwd: '/',
    env: {},
    encoding: 'utf8',
    timeout: PROBE_TIMEOUT_MS,
  });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** Removes copies whose server folder was deleted after its owner had been killed. No start would find them. */
function removeOrphans(place: string): void {
  for (const name of readdirSync(place)) {
    const copy = join(place, name);
    const owner = isCopy(copy) ? targetOf(join(copy, OWNER)) : undefined;
    if (owner === undefined) continue; // Not ours, or being created now.
    if (targetOf(owner) !== copy) rmSync(copy, { recursive: true, force: true });
  }
}

/** The link is in a folder of the server's account, so root removes through it only what root has created as a copy. */
function isCopy(path: string): boolean {
  if (!places().includes(dirname(path)) || !NAME.test(basename(path))) return false;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === process.getuid?.();
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined; // There is none.
  }
}
