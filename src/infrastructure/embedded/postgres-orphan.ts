import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  identify,
  isRunning,
  type ProcessIdentity,
  signal,
  waitForEnd,
  waitForEndSync,
} from '../process/process-identity.js';
import { removeProgramsCopy } from './postgres-programs.js';

const FAST_STOP_TIMEOUT_MS = 10_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 5_000;

/**
 * Stops the server that a killed owner left running on this folder, if there is one. The caller has the folder's lock.
 */
export async function stopOrphanedPostgres(folder: string): Promise<void> {
  const server = runningServer(folder);
  if (server !== undefined) await end(server);
  removeProgramsCopy(folder);
}

async function end(server: ProcessIdentity): Promise<void> {
  signal(server.pid, 'SIGINT');
  if (await waitForEnd(server, FAST_STOP_TIMEOUT_MS)) return;
  signal(server.pid, 'SIGQUIT');
  if (await waitForEnd(server, IMMEDIATE_STOP_TIMEOUT_MS)) return;
  signal(server.pid, 'SIGKILL');
  await waitForEnd(server, IMMEDIATE_STOP_TIMEOUT_MS);
}

/**
 * The same, immediately and without the event loop, for exit handlers. SIGKILL is only the last resort, because the
 * server would leave its shared memory behind.
 */
export function endOrphanedPostgresSync(folder: string): void {
  const server = runningServer(folder);
  if (server !== undefined) {
    signal(server.pid, 'SIGQUIT');
    if (!waitForEndSync(server, IMMEDIATE_STOP_TIMEOUT_MS)) signal(server.pid, 'SIGKILL');
  }
  removeProgramsCopy(folder);
}

function runningServer(folder: string): ProcessIdentity | undefined {
  const cluster = join(folder, 'cluster');
  const pidFile = join(cluster, 'postmaster.pid');
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  } catch {
    return undefined; // Stopped normally, or never started.
  }
  const found = Number.isInteger(pid) && pid > 0 ? identify(pid) : undefined;
  if (found === undefined) return undefined;
  if (worksIn(pid, cluster)) return found;
  // The process id belongs to another program now, which PostgreSQL would mistake for a running server.
  if (isRunning(found)) rmSync(pidFile);
  return undefined;
}

/** A server's working folder is its cluster. */
function worksIn(pid: number, cluster: string): boolean {
  if (process.platform === 'linux') {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster);
    } catch {
      return false; // Ended, or a process of another user.
    }
  }
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.includes(cluster) ?? false;
}
