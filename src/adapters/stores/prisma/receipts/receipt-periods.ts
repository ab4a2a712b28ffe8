/**
 * Receipts are stored in a ring of tables, `receipts_0` to `receipts_3`. All batches write into the table of the
 * present period; the oldest table is emptied as a whole, and is then the next one to be filled.
 *
 * The present period is in the row of each partition. A batch reads it with the partition's position, and writes only
 * if both are unchanged. A new period begins in all partitions at once, in a transaction that holds all their rows. So
 * when a batch reads the new period, everything that was written in the earlier ones is committed, and the batch sees
 * it. Nothing can be added to them afterwards. No clock is involved: a period is as long as it lasts.
 */
import type { PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';

/** Number of tables: that of the present period and of those whose retention is not over. */
const RECEIPT_TABLES = 4;

/** The partition of `receipts` that has the receipts of the period. */
export function receiptSlot(period: number): number {
  return period % RECEIPT_TABLES;
}

/**
 * Empties the tables whose receipts are all older than the retention, and begins a new period if it is due. Several
 * workers may do this at the same time.
 * @returns about how many receipts were dropped, by the statistics of PostgreSQL
 */
export async function turnReceiptPeriods(database: PrismaClient, retentionMs: number): Promise<number> {
  // Raw: functions of the database. Each is one statement, so that a process that freezes holds no lock of a batch.
  const [row] = await database.$queryRaw<{ dropped: number }[]>`
    SELECT drop_receipts(${retentionMs}::float8 * interval '1 millisecond')::float8 AS dropped`.catch(rethrow);
  // When the present period has lasted so long, the oldest of the others is over.
  const lengthMs = retentionMs / (RECEIPT_TABLES - 1);
  await database.$queryRaw`SELECT begin_receipt_period(${lengthMs}::float8 * interval '1 millisecond')`.catch(rethrow);
  return row?.dropped ?? 0;
}
