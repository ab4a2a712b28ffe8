import { openPrismaStore, type PrismaHarness, withConnection } from './prisma-harness.js';

/** One database for many tests in a row, each of which finds it empty: a new one would cost many times as much. */
export class EmptiedStore {
  private kept: Promise<PrismaHarness> | undefined;

  /** The previous user must have finished. */
  async open(): Promise<PrismaHarness> {
    this.kept ??= openPrismaStore();
    const store = await this.kept;
    await withConnection(store.url, async (sql) => {
      const { rows } = await sql.query<{ tables: string[] }>(
        `SELECT array_agg(quote_ident(tablename)) AS tables FROM pg_tables
         WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'`,
      );
      // Deleting a few hundred rows is cheaper than truncating, which makes new files.
      for (const table of rows[0]?.tables ?? []) await sql.query(`DELETE FROM ${table}`);
      await sql.query('INSERT INTO store DEFAULT VALUES');
    });
    return store;
  }

  async close(): Promise<void> {
    const store = await this.kept;
    this.kept = undefined;
    await store?.close();
  }
}
