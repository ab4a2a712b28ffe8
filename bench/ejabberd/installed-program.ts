import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../../src/infrastructure/embedded/rabbitmq-program.js';

/** Paths and version of an installed ejabberd. */
export interface InstalledEjabberd {
  /** The version as ejabberd prints it, such as `23.01-1`. */
  version: string;
  erl: string;
  /** The value of `ERL_LIBS` with which Erlang finds ejabberd's code. */
  libraries: string;
  /** The schema of its tables for PostgreSQL. */
  schemaFile: string;
}

/** The folder of administrators' programs, which may be missing in PATH. */
const ADMIN_FOLDER = '/usr/sbin';
const DEBIAN_SCHEMA = '/usr/share/ejabberd/sql/pg.sql';
const PROBE_TIMEOUT_MS = 30_000;
/** Prints the version, the paths, and whether the PostgreSQL driver is installed. */
const PROBE = [
  'application:load(ejabberd)',
  '{ok, Version} = application:get_key(ejabberd, vsn)',
  'io:format("~s~n~s~n~s~n", [Version, code:priv_dir(ejabberd), code:which(pgsql)])',
  'halt()',
].join(', ');

/** @throws Error with one line that says what to install */
export function findEjabberd(): InstalledEjabberd {
  const path = `${process.env.PATH ?? ''}:${ADMIN_FOLDER}`;
  const script = findOnPath('ejabberdctl', path);
  const erl = findOnPath('erl', path);
  if (script === undefined || erl === undefined)
    throw new Error('ejabberd is not installed: apt-get install ejabberd erlang-p1-pgsql (Debian)');
  const libraries = /^ERL_LIBS='?([^'\n]+)'?$/m.exec(readFileSync(script, 'utf8'))?.[1] ?? '';
  // Ctrl-C reaches ejabberdctl too; only this process handles it.
  const probe = spawnSync(erl, ['+Bi', '-noshell', '-eval', PROBE], {
    encoding: 'utf8',
    timeout: PROBE_TIMEOUT_MS,
    env: { PATH: path, HOME: tmpdir(), ERL_LIBS: libraries },
  });
  const [version = '', privateFolder = '', pgsql = ''] = probe.stdout.split('\n');
  if (probe.status !== 0) throw new Error(`${script} is there, but Erlang does not find ejabberd's code`);
  if (pgsql === 'non_existing')
    throw new Error('ejabberd cannot talk to PostgreSQL: apt-get install erlang-p1-pgsql (Debian)');
  const schemaFile = [join(privateFolder, 'sql', 'pg.sql'), DEBIAN_SCHEMA].find((file) => existsSync(file));
  if (schemaFile === undefined)
    throw new Error(`ejabberd's tables for PostgreSQL (pg.sql) are not in ${privateFolder}`);
  return { version, erl, libraries, schemaFile };
}
