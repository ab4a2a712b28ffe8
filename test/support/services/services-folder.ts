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

/** This run's folder, made at the first call, along with clearing away what killed runs left. */
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

/** A new, empty folder that goes with the run. */
export function scratchFolder(name = 'scratch'): string {
  drawn += 1;
  const path = join(runFolder(), `${name}-${drawn}`);
  mkdirSync(path);
  chmodSync(path, 0o755); // PostgreSQL's own user passes through, whatever the umask
  return path;
}

/** Notes a process that must not outlive the run. It leads a process group of its own. */
export function recordChild(pid: number): void {
  const identity = identify(pid);
  if (identity) writeFileSync(join(runFolder(), CHILDREN, String(pid)), JSON.stringify(identity));
}

/**
 * Ends every process of this run and removes its folder, without the event loop: also from exit and signal handlers.
 */
export function cleanUp(): void {
  if (folder === undefined) return;
  const ours = folder;
  folder = undefined;
  endProcesses(ours);
  remove(ours);
}

/** What runs whose process is gone have left: their services, and their folders. */
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

/**
 * Servers that the run started, and those that processes started by it did: wherever below the folder they keep their
 * data.
 */
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
  // The last helpers of a killed server may write for an instant longer.
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
