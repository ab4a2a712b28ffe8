/** Keys and indexes of the large tables: dropped before a bulk load, and built again afterwards. */
import type pg from 'pg';

interface Definition {
  drop: string;
  build: string;
}

/** The full-text index first: it takes longest, and the others are built at the same time. */
const SELECT = `
  SELECT drop, build FROM (
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
      format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS build, 1 AS place
    FROM pg_constraint WHERE contype = 'p' AND conrelid::regclass::text = ANY($1)
    UNION ALL
    SELECT format('DROP INDEX %I', indexname),
      concat_ws('; ', indexdef, (
        SELECT string_agg(format('ALTER INDEX %I ALTER COLUMN %s SET STATISTICS %s', indexname, attnum, attstattarget), '; ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = format('%I', indexname)::regclass AND attstattarget >= 0)),
      CASE WHEN indexdef LIKE '%USING gin%' THEN 0 ELSE 1 END
    FROM pg_indexes WHERE tablename = ANY($1) AND indexname NOT IN (SELECT conname FROM pg_constraint)
      AND ($2::bool OR indexdef LIKE '%USING gin%')) d
  WHERE $2::bool OR place = 0 ORDER BY place, build`;

/** @param which `all`, or only the full-text index, which has the most entries */
export async function takeIndexes(
  sql: pg.Client,
  tables: readonly string[],
  which: 'all' | 'words',
): Promise<Definition[]> {
  const { rows } = await sql.query<Definition>(SELECT, [tables, which === 'all']);
  for (const { drop } of rows) await sql.query(drop);
  return rows;
}

/**
 * Two at a time: each build uses about one processor.
 * @param connect returns a new connection for each builder
 */
export async function buildIndexes(
  definitions: readonly Definition[],
  connect: () => Promise<pg.Client>,
  onBuilt: (built: number) => void,
): Promise<void> {
  const waiting = [...definitions];
  let built = 0;
  const builder = async () => {
    const sql = await connect();
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await sql.query(next.build);
        built += 1;
        onBuilt(built);
      }
    } finally {
      await sql.end();
    }
  };
  await Promise.all([builder(), builder()]);
}
