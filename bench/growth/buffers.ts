/** How many pages of 8 KiB PostgreSQL touches for the statements that the adapters send. */
import pg from 'pg';
import { Prisma, type PrismaClient } from '../../src/adapters/stores/prisma/generated/client.js';

/** A client that records its statements. */
export function listening(database: PrismaClient, heard: (statement: Prisma.Sql) => void): PrismaClient {
  return new Proxy(database, {
    get(target, name) {
      if (name !== '$queryRaw') return Reflect.get(target, name);
      return (query: Prisma.Sql | TemplateStringsArray, ...values: unknown[]) => {
        const statement = 'raw' in query ? Prisma.sql(query, ...values) : query;
        heard(statement);
        return target.$queryRaw(statement);
      };
    },
  });
}

/** Pages touched by one statement when executed again: with a custom plan or a generic plan, whichever touches more. */
export async function buffersOf(sql: pg.Client, { text, values }: Prisma.Sql): Promise<number> {
  let most = 0;
  for (const mode of ['custom', 'generic']) {
    await sql.query(`SET plan_cache_mode = force_${mode}_plan`);
    await sql.query(`PREPARE it AS ${text}`);
    try {
      const given = values.map((value) => (value === null ? 'NULL' : pg.escapeLiteral(String(value)))).join(', ');
      const { rows } = await sql.query(
        `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE it${values.length === 0 ? '' : `(${given})`}`,
      );
      const { Plan: plan } = rows[0]['QUERY PLAN'][0];
      most = Math.max(most, plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
    } finally {
      await sql.query('DEALLOCATE it');
    }
  }
  return most;
}
