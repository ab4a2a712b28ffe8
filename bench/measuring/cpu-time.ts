import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second. */
const CLOCK_TICKS = 100;

/**
 * CPU-seconds that these processes and all their descendants, also ended ones, have used so far. Linux only; 0
 * elsewhere.
 */
export function cpuSeconds(pids: readonly number[]): number {
  const processes = existsSync('/proc/self/stat')
    ? readdirSync('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? [readStat(Number(pid))] : []))
    : [];
  const sum = (root: number): number =>
    processes.reduce((total, { pid, parent, seconds }) => {
      const own = pid === root ? seconds : 0;
      return total + own + (parent === root ? sum(pid) : 0);
    }, 0);
  return pids.reduce((total, pid) => total + sum(pid), 0);
}

function readStat(pid: number): { pid: number; parent: number; seconds: number } {
  try {
    // The command's name, in parentheses, may contain anything. The fields behind it are separated by blanks.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    // User and system time, of the process and of its ended children.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { pid, parent: Number(fields[1]), seconds: ticks / CLOCK_TICKS };
  } catch {
    // The process has ended meanwhile.
    return { pid, parent: 0, seconds: 0 };
  }
}
