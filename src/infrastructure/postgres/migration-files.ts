import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Migration {
  /** The folder's name, which identifies the migration in the database. */
  readonly name: string;
  readonly script: string;
  /** SHA-256 of the script, in lower-case hexadecimal. */
  readonly checksum: string;
}

/** @throws Error of one line for a folder without `migration.sql` */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  names.sort((a, b) => (a < b ? -1 : 1)); // By code unit, independent of the locale.
  return Promise.all(names.map((name) => readMigration(folder, name)));
}

async function readMigration(folder: string, name: string): Promise<Migration> {
  let script: string;
  try {
    script = await readFile(join(folder, name, 'migration.sql'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(`migration ${name} has no migration.sql in ${folder}`);
  }
  return { name, script, checksum: sha256(script) };
}

/** Whether the script is the applied one. A checkout with other line ends counts as unchanged. */
export function matchesChecksum({ script, checksum }: Migration, applied: string): boolean {
  if (checksum === applied) return true;
  const unix = script.replaceAll('\r\n', '\n');
  return sha256(unix) === applied || sha256(unix.replaceAll('\n', '\r\n')) === applied;
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
