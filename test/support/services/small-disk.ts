/**
 * A small file system that a test can fill. It is mounted below the folder of the run and unmounted with it, also after
 * a kill.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const ZEROS = Buffer.alloc(64 * 1024);
const FILLER = 'filler';

/** Why no file system can be mounted here; undefined if it can. Tries to mount one. */
export function whyNoSmallDisk(folder: string): string | undefined {
  const trial = join(folder, 'trial-disk');
  try {
    SmallDisk.mount(trial, 1).unmount();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

export class SmallDisk {
  private constructor(readonly folder: string) {}

  /** @throws Error if mounting is not permitted: only root may mount */
  static mount(folder: string, mib: number): SmallDisk {
    mkdirSync(folder, { recursive: true });
    const { status, stderr, error } = spawnSync(
      'mount',
      ['-t', 'tmpfs', '-o', `size=${mib}m,mode=0755`, 'parley-test', folder],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`no file system can be mounted here: ${error?.message ?? stderr.trim()}`);
    return new SmallDisk(folder);
  }

  /** Fills the file system to the last byte. */
  fill(): void {
    const file = openSync(join(this.folder, FILLER), 'a');
    try {
      for (let size = ZEROS.length; size > 0; ) {
        try {
          writeSync(file, ZEROS, 0, size);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          size >>= 1;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Frees the space that `fill` has used. */
  makeRoom(): void {
    const file = openSync(join(this.folder, FILLER), 'a');
    ftruncateSync(file, 0);
    closeSync(file);
  }

  unmount(): void {
    unmountBelow(this.folder);
  }
}

/** Unmounts every file system in the folder, or at it. Synchronous, for exit handlers. */
export function unmountBelow(folder: string): void {
  for (const mounted of mountPoints()) {
    // Lazy unmount: open files stay usable, and the folder is empty at once.
    if (mounted === folder || mounted.startsWith(`${folder}/`))
      spawnSync('umount', ['-l', mounted], { stdio: 'ignore' });
  }
}

function mountPoints(): string[] {
  let table: string;
  try {
    table = readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return []; // not Linux: nothing was mounted
  }
  return table.split('\n').flatMap((line) => line.split(' ')[1] ?? []);
}
