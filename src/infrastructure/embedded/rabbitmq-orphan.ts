import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isRunning, type ProcessIdentity, signal, waitForEnd } from '../process/process-identity.js';

const STOP_TIMEOUT_MS = 20_000;
const KILL_TIMEOUT_MS = 5_000;

/** The processes of a node. Each leads a process group of its own. */
export type NodeProcess = 'node' | 'epmd';

type Recorded = Partial<Record<NodeProcess, ProcessIdentity>>;

/** Records a process in the folder, so that a later process can find it if its owner is killed. */
export function recordProcess(folder: string, name: NodeProcess, pid: number): void {
  const identity = identify(pid);
  if (identity === undefined) return; // Already ended.
  writeFileSync(file(folder), JSON.stringify({ ...recorded(folder), [name]: identity }), { mode: 0o600 });
}

export function forgetProcesses(folder: string): void {
  rmSync(file(folder), { force: true });
}

/**
 * Stops the node that a killed owner left running on this folder, if there is one. The caller has the folder's lock.
 */
export async function stopOrphanedRabbitmq(folder: string): Promise<void> {
  const { node, epmd } = recorded(folder);
  if (node && isRunning(node)) {
    signal(node.pid, 'SIGTERM');
    if (!(await waitForEnd(node, STOP_TIMEOUT_MS))) {
      signal(-node.pid, 'SIGKILL');
      await waitForEnd(node, KILL_TIMEOUT_MS);
    }
  }
  if (epmd && isRunning(epmd)) {
    signal(epmd.pid, 'SIGTERM');
    await waitForEnd(epmd, KILL_TIMEOUT_MS);
  }
  forgetProcesses(folder);
}

/**
 * The same, immediately and without the event loop, for exit handlers. The folder stays usable: queues survive a kill.
 */
export function endOrphanedRabbitmqSync(folder: string): void {
  for (const identity of Object.values(recorded(folder))) {
    if (isRunning(identity)) signal(-identity.pid, 'SIGKILL');
  }
  forgetProcesses(folder);
}

function recorded(folder: string): Recorded {
  try {
    return JSON.parse(readFileSync(file(folder), 'utf8')) as Recorded;
  } catch {
    return {}; // Never started, stopped normally, or killed while writing its first line.
  }
}

function file(folder: string): string {
  return join(folder, 'processes.json');
}
