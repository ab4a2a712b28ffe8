/** Processor time of this process and of everything that it has started, from `/proc`. */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;
/** Positions behind the name of the program, which can contain spaces. */
const [PARENT, USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM] = [1, 11, 12, 13, 14];

interface Stat {
  parent: number;
  ticks: number;
}

/** Seconds. Zero without `/proc`. A process whose parent has ended before it is not counted. */
export function cpuSeconds(): number {
  const stats = new Map<number, Stat>();
  for (const name of entries('/proc')) {
    const pid = Number(name);
    const stat = pid > 0 ? statOf(pid) : undefined;
    if (stat !== undefined) stats.set(pid, stat);
  }
  const isOurs = (pid: number): boolean => pid === process.pid || (pid > 1 && isOurs(stats.get(pid)?.parent ?? 0));
  let ticks = 0;
  for (const [pid, stat] of stats) if (isOurs(pid)) ticks += stat.ticks;
  return ticks / TICKS_PER_SECOND;
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const at = (index: number) => fields[index] ?? 0;
    return { parent: at(PARENT), ticks: at(USER) + at(SYSTEM) + at(CHILDREN_USER) + at(CHILDREN_SYSTEM) };
  } catch {
    return undefined; // It has ended.
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
