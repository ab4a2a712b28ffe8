import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import amqp from 'amqplib';
import { query } from '../running/private-services.js';

const BYTES_PER_GIB = 2 ** 30;

/** The machine of a measurement, without its name. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGib: number;
  kernel: string;
  node: string;
  postgres: string;
  rabbitmq: string;
  /** The load average of the minute before. Above 0, other processes ran. */
  loadBefore: number;
}

export async function describeMachine(databaseUrl: string, amqpUrl: string): Promise<Machine> {
  const loadBefore = loadNow();
  const [row] = await query<{ version: string }>(databaseUrl, "SELECT current_setting('server_version') AS version");
  const connection = await amqp.connect(amqpUrl);
  const { version } = (connection.connection as { serverProperties?: { version?: string } }).serverProperties ?? {};
  await connection.close();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round((totalmem() / BYTES_PER_GIB) * 10) / 10,
    kernel: `${type()} ${release()}`,
    node: process.versions.node,
    postgres: row?.version ?? 'unknown',
    rabbitmq: version ?? 'unknown',
    loadBefore,
  };
}

/** The number of processes that wanted a core, on average over the last minute. */
export function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

/** The commit of the working tree; with `+` if it has changes; `unknown` without a repository. */
export function currentCommit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return (
      git('rev-parse', '--short=10', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+')
    );
  } catch {
    return 'unknown';
  }
}
