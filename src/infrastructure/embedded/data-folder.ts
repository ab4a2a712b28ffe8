import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { identify, isRunning, type ProcessIdentity } from '../process/process-identity.js';

export interface DataFolderLock {
  /** Calling it again does nothing. */
  release(): Promise<void>;
}

interface Holder extends ProcessIdentity {
  /** Unique for each lock. */
  readonly id: string;
}

const LOCK = 'lock';
/** Maximum number of rounds. In each round another process took the lock and released it. */
const ROUNDS = 100;

/**
 * Creates the folder if it is missing, and locks it for this process. The lock of a killed process is taken over;
 * exactly one process succeeds, however many try. Processes in different containers cannot see each other, so one data
 * folder must not be mounted into two of them.
 * @throws Error of one line, naming the process, while another process (or this one) has the lock
 */
export async function lockDataFolder(path: string): Promise<DataFolderLock> {
  const folder = resolve(path);
  makeFolder(folder);
  const self = identify(process.pid);
  if (self === undefined) throw new Error('the start time of this process cannot be read, so no folder can be locked');
  const me: Holder = { ...self, id: randomUUID() };
  const mine = join(folder, `${LOCK}.${me.id}`);
  try {
    writeFileSync(mine, JSON.stringify(me));
  } catch (error) {
    throw new Error(`the data folder ${folder} cannot be written to (${codeOf(error)})`, { cause: error });
  }
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      if (tryToTake(folder, mine, me)) return lock(folder, me);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  throw new Error(`the data folder ${folder} is locked by other processes again and again`);
}

/**
 * Creates the folder and its parents. Node's own recursive `mkdir` loops forever if a file system answers ENOENT for a
 * new folder, as `/proc` does: it creates the parent, which exists, and tries again.
 * @throws Error of one line
 */
function makeFolder(folder: string): void {
  const missing: string[] = [];
  for (let path = folder; !existsSync(path); path = dirname(path)) missing.unshift(path);
  try {
    for (const path of missing) mkdirSync(path);
  } catch (error) {
    // Another process has created it meanwhile, which is fine.
    if (codeOf(error) !== 'EEXIST')
      throw new Error(`the data folder ${folder} cannot be made (${codeOf(error)})`, { cause: error });
    mkdirSync(folder, { recursive: true });
  }
  if (!statSync(folder).isDirectory()) throw new Error(`the data folder ${folder} is a file: name a folder`);
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/**
 * A lock is a file whose content was complete before it got its name (by `link`, which fails if the name exists). A
 * process that finds a dead holder must not simply replace the file: it could replace the new lock of another process.
 * So a dead holder has exactly one successor: the process that links `lock.after-<the holder's id>`. A process that
 * finds this successor alive has lost. If the successor is dead, it can be succeeded in the same way. The successor
 * then moves its own file to the first place and removes the chain. A process that was reading the chain meanwhile sees
 * that its beginning has changed, and starts again.
 */
function tryToTake(folder: string, mine: string, me: Holder): boolean {
  const first = join(folder, LOCK);
  const beginning = read(first);
  if (beginning === undefined) return link(mine, first);
  const chain = [beginning];
  let last = beginning;
  for (;;) {
    if (isRunning(last)) throw new Error(`the data folder ${folder} is in use by process ${last.pid}`);
    const next = read(successor(folder, last));
    if (next === undefined) break;
    chain.push(next);
    last = next;
  }
  if (!link(mine, successor(folder, last))) return false;
  if (read(first)?.id !== beginning.id) {
    rmSync(successor(folder, last), { force: true });
    return false;
  }
  renameSync(mine, first);
  for (const holder of chain) rmSync(successor(folder, holder), { force: true });
  return read(first)?.id === me.id;
}

function lock(folder: string, me: Holder): DataFolderLock {
  return {
    async release() {
      const first = join(folder, LOCK);
      if (read(first)?.id === me.id) rmSync(first, { force: true });
    },
  };
}

function successor(folder: string, holder: Holder): string {
  return join(folder, `${LOCK}.after-${holder.id}`);
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function read(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) throw new Error(`${path} is damaged: remove it if no process uses the folder`);
    throw error;
  }
}
