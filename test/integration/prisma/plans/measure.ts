import type pg from 'pg';
import type { PrismaClient } from '../../../../src/adapters/stores/prisma/generated/client.js';
import { sentDuring } from '../sent-statements.js';
import type { Places, Query } from './queries.js';
import { type Execution, execute } from './statements-sent.js';

export interface Measured {
  /** Statements that one call sends. */
  sent: number;
  executions: Execution[];
}

/**
 * Where one text is sent very often, with other values each time, so many of them are looked at: the first, the last,
 * and some between.
 */
const LOOKED_AT_MAX = 20;

/** Calls once, then executes the sent statements again with both kinds of plan. */
export async function measure(sql: pg.Client, database: PrismaClient, query: Query, at: Places): Promise<Measured> {
  const statements = await sentDuring(() => query.ask(database, at));
  const executions: Execution[] = [];
  await sql.query('RESET ALL');
  for (const setting of query.settings ?? []) {
    const [name, value] = setting.split('=');
    await sql.query('SELECT set_config($1, $2, false)', [name, value?.replaceAll('\\', '')]);
  }
  for (const text of new Set(statements.map((statement) => statement.text))) {
    const same = statements.filter((statement) => statement.text === text);
    const step = Math.max(1, Math.floor(same.length / LOOKED_AT_MAX));
    for (const [index, statement] of same.entries())
      if (index % step === 0 || index === same.length - 1)
        for (const mode of ['custom', 'generic'] as const) executions.push(await execute(sql, statement, mode));
  }
  return { sent: statements.length, executions };
}

const COLUMNS = ['query', 'statements', 'top node and its way in', 'rows read', 'rows sorted', 'buffers', 'ms'];
export const TABLE_HEAD = [`| ${COLUMNS.join(' | ')} |`, `|${COLUMNS.map(() => ' --- |').join('')}`];

/** The dearest of its statements, by the worse of the two plans. */
export function tableRow(name: string, { sent, executions }: Measured): string {
  const worst = executions.reduce((a, b) => (b.buffers > a.buffers ? b : a));
  const most = (of: (execution: Execution) => number) => Math.max(...executions.map(of));
  const rounded = (of: (execution: Execution) => number) => Math.round(most(of));
  const cells = [
    ...[name, sent, worst.topNode, rounded((e) => e.rowsRead), rounded((e) => e.rowsSorted), worst.buffers],
    most((e) => e.milliseconds).toFixed(1),
  ];
  return `| ${cells.join(' | ')} |`;
}
