import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';

/**
 * The script that starts a RabbitMQ node as the current user. RabbitMQ counts as installed if `rabbitmq-server` is on
 * the search path. In distributions' packages that file is a wrapper that requires the system's own user and folders,
 * so this returns the script behind it.
 * @returns an absolute path, or `undefined` if RabbitMQ is not installed
 */
export function findRabbitmq(searchPath = process.env.PATH ?? ''): string | undefined {
  const found = findOnPath('rabbitmq-server', searchPath);
  if (found === undefined) return undefined;
  const program = realpathSync(found);
  const here = dirname(program);
  // The real script has this name and is beside the settings that it reads. A wrapper lacks one of the two.
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
      // Not in this folder.
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
