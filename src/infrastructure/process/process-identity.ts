import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The system reuses process ids. Together with its start time, an id is always unique. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque. Equal only for the same process. */
  readonly startedAt: string;
}

const POLL_INTERVAL_MS = 25;

/**
 * The identity of a running process, or `undefined` if there is none. A zombie counts as none, because it has released
 * everything.
 */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAt = process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

/** @returns whether the process has ended within the time */
export async function waitForEnd(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isRunning(identity)) {
    if (Date.now() >= deadline) return false;
    await sleep(POLL_INTERVAL_MS);
  }
  return true;
}

/** Blocks the thread. For exit handlers, where asynchronous code no longer runs. */
export function waitForEndSync(identity: ProcessIdentity, withinMs: number): boolean {
  const deadline = Date.now() + withinMs;
  const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  while (isRunning(identity)) {
    if (Date.now() >= deadline) return false;
    Atomics.wait(cell, 0, 0, POLL_INTERVAL_MS);
  }
  return true;
}

/**
 * Sends a signal to a process, or to its whole group with a negative id.
 * @returns false if there was no process
 */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function startFromProc(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // No such process.
  }
  // The second field is the program's name in parentheses. It may contain spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  if (state === 'Z' || state === 'X') return undefined;
  // Field 22: clock ticks since boot. The boot id distinguishes two boots.
  return `${bootId()}:${fields[19]}`;
}

let knownBootId: string | undefined;

function bootId(): string {
  if (knownBootId === undefined) {
    try {
      knownBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    } catch {
      knownBootId = 'unknown'; // Some sandboxes hide it; then only the ticks are used.
    }
  }
  return knownBootId;
}

function startFromPs(pid: number): string | undefined {
  const { stdout, status } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const line = stdout?.trim() ?? '';
  if (status !== 0 || line === '' || line.startsWith('Z')) return undefined;
  return line.slice(line.indexOf(' ')).trim();
}
