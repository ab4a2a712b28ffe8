import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { endOrphanedPostgresSync } from '../../../src/infrastructure/embedded/postgres-orphan.js';
import { endOrphanedRabbitmqSync } from '../../../src/infrastructure/embedded/rabbitmq-orphan.js';
import {
  identify,
  isRunning,
  type ProcessIdentity,
  signal,
  waitForEndSync,
} from '../../../src/infrastructure/process/process-identity.js';
import { temporaryFolder } from './open-to-others.js';
import { unmountBelow } from './small-disk.js';

/**
 * A run's folder is `parley-test-<pid>-<random>` in the system's temporary folder; only a server's copy of its programs
 * lies elsewhere.
 */
const PREFIX = 'parley-test-';
const OWNER = 'owner.json';
const CHILDREN = 'children';
const SEARCH_DEPTH = 6;
const END_TIMEOUT_MS = 5_000;

let folder: string | undefined;
let drawn = 0;

/** The folder of this run. The first call creates it, and removes what killed runs left behind. */
export function runFolder(): string {
  if (folder === undefined) {
    clearAwayKilledRuns();
    folder = mkdtempSync(join(temporaryFolder(), `${PREFIX}${process.pid}-`));
    writeFileSync(join(folder, OWNER), JSON.stringify(identify(process.pid)));
    mkdirSync(join(folder, CHILDREN));
    chmodSync(folder, 0o711); // PostgreSQL's own user passes through
  }
  return folder;
}

/** A new, empty folder that is removed with the run. */
export function scratchFolder(name = 'scratch'): string {
  drawn += 1;
  const path = join(runFolder(), `${name}-${drawn}`);
  mkdirSync(path);
  chmodSync(path, 0o755); // PostgreSQL's own user passes through, whatever the umask
  return path;
}

/** Records a process that must end with the run. It leads its own process group. */
export function recordChild(pid: number): void {
  const identity = identify(pid);
  if (identity) writeFileSync(join(runFolder(), CHILDREN, String(pid)), JSON.stringify(identity));
}

/** Ends every process of this run and removes its folder. Synchronous, for exit and signal handlers. */
export function cleanUp(): void {
  if (folder === undefined) return;
  const ours = folder;
  folder = undefined;
  endProcesses(ours);
  remove(ours);
}

/** Removes services and folders of runs whose process has ended. */
export function clearAwayKilledRuns(): void {
  const temporary = temporaryFolder();
  for (const name of readdirSync(temporary)) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!pid) continue;
    const left = join(temporary, name);
    const owner = readIdentity(join(left, OWNER)) ?? identify(pid); // a run that has just begun has not signed yet
    if (owner && isRunning(owner)) continue;
    endProcesses(left);
    remove(left);
  }
}

function endProcesses(root: string): void {
  const children = join(root, CHILDREN);
  if (existsSync(children)) {
    for (const name of readdirSync(children)) {
      const child = readIdentity(join(children, name));
      if (!child || !isRunning(child)) continue;
      signal(-child.pid, 'SIGKILL');
      waitForEndSync(child, END_TIMEOUT_MS);
    }
  }
  endServers(root, 0);
}

/** Ends the servers of the run and of its processes, wherever their data is below the folder. */
function endServers(at: string, depth: number): void {
  const names = entries(at);
  if (names.includes('cluster')) endOrphanedPostgresSync(at);
  else if (names.includes('processes.json')) endOrphanedRabbitmqSync(at);
  else if (depth < SEARCH_DEPTH) for (const name of names) endServers(join(at, name), depth + 1);
}

function entries(at: string): string[] {
  try {
    return readdirSync(at);
  } catch {
    return []; // a file, or gone
  }
}

function readIdentity(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined; // not there, or half written by a process that was killed
  }
}

function remove(path: string): void {
  unmountBelow(path);
  // The helpers of a killed server may still write for a moment.
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
