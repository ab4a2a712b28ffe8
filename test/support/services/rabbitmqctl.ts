import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findRabbitmq } from '../../../src/infrastructure/embedded/rabbitmq-node.js';

const run = promisify(execFile);
/** Each call starts an Erlang VM, which takes seconds on a busy machine. */
const CALL_TIMEOUT_MS = 60_000;

/** Runs a command of a private node, given by its folder. */
export async function rabbitmqctl(folder: string, ...args: readonly string[]): Promise<string> {
  const program = findRabbitmq();
  if (program === undefined) throw new Error('RabbitMQ is not installed');
  const { nodeName, epmdPort } = JSON.parse(readFileSync(join(folder, 'node.json'), 'utf8')) as {
    nodeName: string;
    epmdPort: number;
  };
  const env = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    HOME: folder, // the cookie
    ERL_EPMD_PORT: String(epmdPort),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'), // the system's own settings are not ours
  };
  const { stdout } = await run(join(dirname(program), 'rabbitmqctl'), ['--quiet', '--node', nodeName, ...args], {
    env,
    timeout: CALL_TIMEOUT_MS,
  });
  return stdout;
}
