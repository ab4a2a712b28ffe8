import { randomUUID } from 'node:crypto';
import type {
  BatchRequest,
  BatchResult,
  BatchSnapshot,
  BatchWrites,
  CommandStore,
} from '../../../../application/ports/store/command-store.js';
import { column } from '../columns.js';
import type { PrismaClient } from '../generated/client.js';
import { turnReceiptPeriods } from '../receipts/receipt-periods.js';
import { isProbeUndone, PROBE_UNDONE, rethrow, rethrowFromCommit, storable } from '../store-errors.js';
import { readSnapshot } from './read-snapshot.js';
import { writeBatch } from './write-batch.js';

/** The store's own limit for one prune call, whatever the caller requests. */
export const PRUNE_MAX_ROWS = 10_000;

/**
 * Raw: batches, because each is two statements over many tables; attempts and pruning, because they lock rows in an
 * order or skip locked ones, and use the server's clock.
 */
export class PrismaCommandStore implements CommandStore {
  /**
   * @param database opened for batches, see `DatabaseOptions.forBatches`
   * @param options hasSearch: the fleet keeps the search index
   */
  constructor(
    private readonly database: PrismaClient,
    private readonly options = { hasSearch: true },
  ) {}

  /**
   * Two statements, one to read and one to write, with no lock held in between. The write succeeds only if the
   * partitions' rows are unchanged. Then the data read of these partitions is still valid, because any other writer
   * must have raised the epoch first. Rows that partitions share are checked when they are written.
   */
  async transact<T>(
    request: BatchRequest,
    decide: (snapshot: BatchSnapshot) => { writes: BatchWrites; value: T },
  ): Promise<BatchResult<T>> {
    const read = await readSnapshot(this.database, request).catch(rethrow);
    const { snapshot } = read;
    const fenced = request.leases.flatMap(({ partition }) => (snapshot.positions.has(partition) ? [] : [partition]));
    if (fenced.length > 0) return { outcome: 'fenced', partitions: fenced };
    // An exception here is a bug of the caller, not a database failure, so it passes through.
    const { writes, value } = decide(snapshot);
    const statement = storable(() => writeBatch(request, read, writes, this.options));
    // The statement commits by itself.
    await this.database.$queryRaw(statement).catch(rethrowFromCommit);
    return { outcome: 'committed', value };
  }

  async noteSuspects(partition: number, commandKeys: readonly string[]): Promise<Map<string, number>> {
    const keys = column(commandKeys, (key) => key);
    // In key order, because a former owner may be writing the same rows.
    const rows = await this.database.$queryRaw<{ commandKey: string; attempts: number }[]>`
      WITH known AS (
        SELECT command_key, attempts FROM poison_attempts
        WHERE partition = ${partition}::int4 AND command_key = ANY (${keys}::text[])),
      noted AS (
        INSERT INTO poison_attempts (partition, command_key, attempts, last_at)
        SELECT ${partition}::int4, k.command_key, 0, now() FROM unnest(${keys}::text[]) AS k(command_key)
        WHERE NOT EXISTS (SELECT 1 FROM known) ORDER BY k.command_key
        ON CONFLICT DO NOTHING)
      SELECT command_key AS "commandKey", attempts FROM known`.catch(rethrow);
    return new Map(rows.map(({ commandKey, attempts }) => [commandKey, attempts]));
  }

  async countAttempt(partition: number, commandKey: string): Promise<number> {
    const rows = await this.database.$queryRaw<{ attempts: number }[]>`
      INSERT INTO poison_attempts (partition, command_key, attempts, last_at)
      VALUES (${partition}::int4, ${commandKey}, 1, now())
      ON CONFLICT (partition, command_key) DO UPDATE
        SET attempts = poison_attempts.attempts + 1, last_at = EXCLUDED.last_at
      RETURNING attempts`.catch(rethrow);
    return rows[0]?.attempts ?? 0;
  }

  async forgetAttempts(partition: number, commandKeys: readonly string[]): Promise<void> {
    await this.database.$executeRaw`
      DELETE FROM poison_attempts
      WHERE partition = ${partition}::int4 AND command_key = ANY (${column(commandKeys, (key) => key)}::text[])`.catch(
      rethrow,
    );
  }

  async pruneAttempts(before: Date, limit: number): Promise<number> {
    return await this.database.$executeRaw`
      DELETE FROM poison_attempts WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM poison_attempts WHERE last_at < ${before.toISOString()}::timestamptz
        LIMIT ${Math.min(limit, PRUNE_MAX_ROWS)}::int8 FOR UPDATE SKIP LOCKED))`.catch(rethrow);
  }

  /** Writes one row of `messages` with its index entries. The statement then fails on purpose, which rolls it back. */
  async probe(): Promise<void> {
    try {
      await this.database.$queryRaw`
        WITH probed AS (
          INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, created_at)
          VALUES (${randomUUID()}::uuid, 1, ${randomUUID()}::uuid, '', 1, '', 1, 'probe', now()) RETURNING 1)
        SELECT abort_unless((SELECT count(*) FROM probed) = 0, ${PROBE_UNDONE})`;
    } catch (error) {
      if (!isProbeUndone(error)) rethrow(error);
    }
  }

  async pruneReceipts(retentionMs: number): Promise<number> {
    return await turnReceiptPeriods(this.database, retentionMs);
  }

  async pruneRejectedCommands(partition: number, before: Date, limit: number): Promise<number> {
    const [row] = await this.database.$queryRaw<{ pruned: number }[]>`
      SELECT pruned::float8 AS pruned FROM prune_rejected_commands(
        ${partition}::int4, ${before.toISOString()}::timestamptz, ${Math.min(limit, PRUNE_MAX_ROWS)}::int4)`.catch(
      rethrow,
    );
    // Without a row there was nothing to delete.
    return row?.pruned ?? 0;
  }
}
