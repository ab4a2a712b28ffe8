import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '../../src/infrastructure/embedded/rabbitmq-program.js';

/** Where an installed ejabberd is. */
export interface InstalledEjabberd {
  /** As it calls itself, such as `23.01-1`. */
  version: string;
  erl: string;
  /** What Erlang must be told to find ejabberd's code: `ERL_LIBS`. */
  libraries: string;
  /** Its tables for PostgreSQL. */
  schemaFile: string;
}

/** Where administrators' programs are, which is not on everyone's search path. */
const ADMIN_FOLDER = '/usr/sbin';
const DEBIAN_SCHEMA = '/usr/share/ejabberd/sql/pg.sql';
const PROBE_TIMEOUT_MS = 30_000;
/** Says its version, where its files are, and whether it can talk to PostgreSQL. */
const PROBE = [
  'application:load(ejabberd)',
  '{ok, Version} = application:get_key(ejabberd, vsn)',
  'io:format("~s~n~s~n~s~n", [Version, code:priv_dir(ejabberd), code:which(pgsql)])',
  'halt()',
].join(', ');

/** @throws Error of one line that says what to install */
export function findEjabberd(): InstalledEjabberd {
  const path = `${process.env.PATH ?? ''}:${ADMIN_FOLDER}`;
  const script = findOnPath('ejabberdctl', path);
  const erl = findOnPath('erl', path);
  if (script === undefined || erl === undefined)
    throw new Error('ejabberd is not installed: apt-get install ejabberd erlang-p1-pgsql (Debian)');
  const libraries = /^ERL_LIBS='?([^'\n]+)'?$/m.exec(readFileSync(script, 'utf8'))?.[1] ?? '';
  // Ctrl-C, which it gets too, is ours to heed.
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
