import { expect } from 'chai';
import pg from 'pg';
import type { PrismaClient } from '../../../src/adapters/stores/prisma/generated/client.js';
import { withConnection } from './prisma-harness.js';
import { type SentStatement, sentDuring } from './sent-statements.js';

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** Rows looked at, whether they were of use or not. */
function rowsRead(node: PlanNode): number {
  if (!node['Node Type'].endsWith('Scan') || node['Node Type'].startsWith('Bitmap Index')) return 0;
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return (node['Actual Rows'] + removed) * node['Actual Loops'];
}

/** Records the statements of a store, and explains them in PostgreSQL. */
export class StatementWatch {
  /** Passed to the watched store. */
  constructor(readonly database: PrismaClient) {}

  statementsOf(ask: () => Promise<unknown>): Promise<SentStatement[]> {
    return sentDuring(ask);
  }

  /** Checks that each statement reads at most this many rows, and scans no table. */
  async expectNoMoreRead(url: string, most: number, ask: () => Promise<unknown>): Promise<void> {
    const statements = await this.statementsOf(ask);
    expect(statements).to.not.be.empty;
    await withConnection(url, async (sql) => {
      for (const statement of statements)
        for (const mode of ['custom', 'generic'] as const) {
          const plan = await explain(sql, statement, mode);
          const nodes = nodesOf(plan);
          const about = `${mode}: ${statement.text}\n${JSON.stringify(plan, null, 1)}`;
          const scanned = nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']);
          expect(scanned, about).to.deep.equal([]);
          expect(
            nodes.map(rowsRead).reduce((sum, rows) => sum + rows, 0),
            about,
          ).to.be.at.most(most);
        }
    });
  }
}

/** The executed plan of a statement, with its actual rows. */
async function explain(sql: pg.Client, { text, values }: SentStatement, mode: 'custom' | 'generic'): Promise<PlanNode> {
  await sql.query(`SET plan_cache_mode = force_${mode}_plan`);
  await sql.query(`PREPARE it AS ${text}`);
  try {
    const given = values.map((value) => (value === null ? 'NULL' : pg.escapeLiteral(String(value)))).join(', ');
    const { rows } = await sql.query(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE it(${given})`);
    return rows[0]['QUERY PLAN'][0].Plan;
  } finally {
    await sql.query('DEALLOCATE it');
  }
}
