import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';

/**
 * The script that starts a RabbitMQ node as whoever calls it. RabbitMQ counts as installed when `rabbitmq-server` is found on
 * the search path; what is found there is, in distributions' packages, a wrapper that insists on the system's own user and
 * folders, so the script behind it is taken.
 * @returns an absolute path, `undefined` when the program is not installed
 */
export function findRabbitmq(searchPath = process.env.PATH ?? ''): string | undefined {
  const found = findOnPath('rabbitmq-server', searchPath);
  if (found === undefined) return undefined;
  const program = realpathSync(found);
  const here = dirname(program);
  // The real script has its name, and sits beside the settings that it reads; a wrapper lacks the one or the other.
  if (basename(program) === 'rabbitmq-server' && existsSync(join(here, 'rabbitmq-env'))) return program;
  for (const library of [join(here, '..', 'lib'), '/usr/lib/rabbitmq/lib']) {
    const script = newestServer(library);
    if (script !== undefined) return script;
  }
  return undefined;
}

export function findOnPath(program: string, searchPath = process.env.PATH ?? ''): string | undefined {
  for (const folder of searchPath.split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return undefined;
}

function newestServer(library: string): string | undefined {
  if (!existsSync(library)) return undefined;
  return readdirSync(library)
    .filter((name) => name.startsWith('rabbitmq_server-'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(library, name, 'sbin', 'rabbitmq-server'))
    .find((script) => existsSync(script));
}
