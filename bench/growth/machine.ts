import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { withSql } from './stand.js';

/** What the figures were measured on; nothing that names it. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGib: number;
  kernel: string;
  node: string;
  postgres: string;
  commit: string;
  /** How many processes wanted a core, on average over a minute, at the beginning and at the end. */
  load: [number, number];
}

const BYTES_PER_GIB = 2 ** 30;
const loadNow = () => Math.round((loadavg()[0] ?? 0) * 10) / 10;

/** @returns to be called at the end */
export async function describeMachine(databaseUrl: string): Promise<() => Machine> {
  const before = loadNow();
  const postgres = await withSql(
    databaseUrl,
    async (sql) => (await sql.query('SHOW server_version')).rows[0].server_version,
  );
  return () => ({
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / BYTES_PER_GIB),
    kernel: `${type()} ${release()}`,
    node: process.versions.node,
    postgres,
    commit: commit(),
    load: [before, loadNow()],
  });
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short=10', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

export function machineLine({ cpu, cores, memoryGib, kernel, node, postgres, commit, load }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGib} GiB, ${kernel}; Node ${node}, PostgreSQL ${postgres}; commit ${commit}; load average ${load[0]} at the beginning, ${load[1]} at the end.`;
}
