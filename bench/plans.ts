import { readFileSync } from 'node:fs';

/** A statement's executions as auto_explain has logged them. */
export interface LoggedPlan {
  /** How it begins. */
  statement: string;
  calls: number;
  millisecondsPerCall: number;
  /** Pages of 8 KiB touched. */
  buffersPerCall: number;
  /** Of the last execution, as PostgreSQL writes it. */
  plan: string;
}

const ENTRY = /duration: ([\d.]+) ms {2}plan:\n((?:\t.*\n)+)/g;
const BUFFERS = /Buffers: shared((?: \w+=\d+)+)/;

/** The statements in a server's log, the most time first. `letters`: by so many of its letters a statement is told from others. */
export function loggedPlans(logFile: string, letters: number): LoggedPlan[] {
  return plansIn(readFileSync(logFile, 'utf8'), letters);
}

export function plansIn(log: string, letters: number): LoggedPlan[] {
  const found = new Map<string, { calls: number; milliseconds: number; buffers: number; plan: string }>();
  for (const [, duration = '', text = ''] of log.matchAll(ENTRY)) {
    // The plan begins with its first node, the first line that has costs.
    const lines = text.replaceAll(/^\t/gm, '').split('\n');
    const first = lines.findIndex((line) => line.includes('(cost='));
    const statement = lines
      .slice(0, first)
      .join(' ')
      .replace('Query Text:', '')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, letters);
    const plan = lines.slice(first).join('\n').trimEnd();
    const sums = found.get(statement) ?? { calls: 0, milliseconds: 0, buffers: 0, plan };
    sums.calls += 1;
    sums.milliseconds += Number(duration);
    sums.buffers += touched(plan);
    sums.plan = plan;
    found.set(statement, sums);
  }
  return [...found.entries()]
    .toSorted(([, one], [, other]) => other.milliseconds - one.milliseconds)
    .map(([statement, { calls, milliseconds, buffers, plan }]) => ({
      ...{ statement, calls, plan },
      millisecondsPerCall: milliseconds / calls,
      buffersPerCall: buffers / calls,
    }));
}

/** The first node's count holds those of all below it. Pages that were dirtied or written were hit or read before. */
function touched(plan: string): number {
  const [, counts = ''] = BUFFERS.exec(plan) ?? [];
  return [...counts.matchAll(/(hit|read)=(\d+)/g)].reduce((sum, [, , count]) => sum + Number(count), 0);
}
