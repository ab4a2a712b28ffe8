/** The plans of the statements that an adapter sends. */
import pg from 'pg';
import type { SentStatement } from '../sent-statements.js';

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: PlanNode[];
}

/** What one execution came to. */
export interface Execution {
  statement: string;
  mode: 'custom' | 'generic';
  topNode: string;
  /** Tables read from end to end, whatever their size. */
  scanned: string[];
  /** Indexes read by a bitmap. */
  bitmaps: string[];
  /** Rows looked at, whether they were of use or not; entries of an index that was gone through for a bitmap count. */
  rowsRead: number;
  /** Rows into the largest sort. */
  rowsSorted: number;
  /** Pages of 8 KiB touched. */
  buffers: number;
  milliseconds: number;
  plan: PlanNode;
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
const SORTS = ['Sort', 'Incremental Sort'];

function rowsRead(node: PlanNode): number {
  if (!node['Node Type'].endsWith('Scan') || SCANS_OF_NOTHING.includes(node['Node Type'])) return 0;
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  // A block-range index says ten rows a page, whatever is in it.
  if (node['Index Name'] === 'messages_created_at_idx') return 0;
  return (node['Actual Rows'] + removed) * node['Actual Loops'];
}
/** What a statement brings along, or has read before. */
const SCANS_OF_NOTHING = ['Function Scan', 'CTE Scan', 'WorkTable Scan', 'Subquery Scan', 'Values Scan'];

function rowsSorted(node: PlanNode): number {
  if (!SORTS.includes(node['Node Type'])) return 0;
  return Math.max(0, ...(node.Plans ?? []).map((input) => input['Actual Rows']));
}

/**
 * Executes a statement again, planned for the values at hand or once for all values: named statements come to that
 * after five executions.
 */
export async function execute(
  sql: pg.Client,
  { text, values }: SentStatement,
  mode: Execution['mode'],
): Promise<Execution> {
  await sql.query(`SET plan_cache_mode = force_${mode}_plan`);
  await sql.query(`PREPARE it AS ${text}`);
  try {
    const given = values.map((value) => (value === null ? 'NULL' : pg.escapeLiteral(String(value)))).join(', ');
    const call = values.length === 0 ? 'it' : `it(${given})`;
    const { rows } = await sql.query(`EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE ${call}`);
    const { Plan: plan, 'Execution Time': milliseconds } = rows[0]['QUERY PLAN'][0] as {
      Plan: PlanNode;
      'Execution Time': number;
    };
    const nodes = nodesOf(plan);
    const access = nodes.find((node) => node['Index Name'] !== undefined) ?? nodes.at(-1);
    return {
      statement: text,
      mode,
      topNode: [plan['Node Type'], access?.['Index Name'] ?? access?.['Relation Name'] ?? ''].join(' … '),
      scanned: nodes
        .filter((node) => node['Node Type'].endsWith('Seq Scan'))
        .map((node) => node['Relation Name'] ?? ''),
      bitmaps: nodes
        .filter((node) => node['Node Type'] === 'Bitmap Index Scan')
        .map((node) => node['Index Name'] ?? ''),
      rowsRead: sum(nodes.map(rowsRead)),
      rowsSorted: Math.max(...nodes.map(rowsSorted)),
      buffers: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
      milliseconds,
      plan,
    };
  } finally {
    await sql.query('DEALLOCATE it');
  }
}
