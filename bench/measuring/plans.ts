import { readFileSync } from 'node:fs';

/** The executions of a statement, as auto_explain logged them. */
export interface LoggedPlan {
  /** The first letters of the statement. */
  statement: string;
  calls: number;
  millisecondsPerCall: number;
  /** Pages of 8 KiB touched. */
  buffersPerCall: number;
  /** The plan of the last execution, as PostgreSQL prints it. */
  plan: string;
}

const ENTRY = /duration: ([\d.]+) ms {2}plan:\n((?:\t.*\n)+)/g;
const BUFFERS = /Buffers: shared((?: \w+=\d+)+)/;

/**
 * The statements of a server's log, the most time first. Statements with the same first `letters` letters are counted
 * together.
 */
export function loggedPlans(logFile: string, letters: number): LoggedPlan[] {
  return plansIn(readFileSync(logFile, 'utf8'), letters);
}

export function plansIn(log: string, letters: number): LoggedPlan[] {
  const found = new Map<string, { calls: number; milliseconds: number; buffers: number; plan: string }>();
  for (const [, duration = '', text = ''] of log.matchAll(ENTRY)) {
    // The plan begins with the first line that has costs.
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

/**
 * The figures of the first node include those of the nodes below it. Dirtied and written pages are hits or reads too.
 */
function touched(plan: string): number {
  const [, counts = ''] = BUFFERS.exec(plan) ?? [];
  return [...counts.matchAll(/(hit|read)=(\d+)/g)].reduce((sum, [, , count]) => sum + Number(count), 0);
}
