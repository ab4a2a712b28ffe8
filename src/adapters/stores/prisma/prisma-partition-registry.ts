import type {
  ClusterState,
  PartitionRegistry,
  PartitionState,
  TakenPartition,
} from '../../../application/ports/store/partition-registry.js';
import { column } from './columns.js';
import type { Prisma, PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/** A worker without a heartbeat for this long is removed. */
export const WORKER_FORGOTTEN_AFTER_MS = 60_000;

/** Every method rejects with a `StoreError`. */
export class PrismaPartitionRegistry implements PartitionRegistry {
  constructor(private readonly database: PrismaClient) {}

  async settle(wanted: { namespace: string; partitions: number }): Promise<{ namespace: string; partitions: number }> {
    // Raw: several tables in one statement. The UPDATE locks the store's row, so a concurrent caller reads what the
    // first one has recorded.
    const [settled] = await this.database.$queryRaw<{ namespace: string; partitions: number }[]>`
        WITH settled AS (
          UPDATE store SET namespace = COALESCE(namespace, ${wanted.namespace}),
            partitions = COALESCE(partitions, ${wanted.partitions}::int4)
          RETURNING namespace, partitions),
        created AS (
          INSERT INTO partitions (partition)
          SELECT index FROM settled, generate_series(0, settled.partitions - 1) AS index
          ON CONFLICT DO NOTHING)
        SELECT namespace, partitions FROM settled`.catch(rethrow);
    if (settled === undefined) throw new Error('the store has no identity: its row is missing');
    return settled;
  }

  async heartbeat(workerId: string, aliveWithinMs: number): Promise<ClusterState> {
    // Raw: the server's clock, which all workers share.
    await this.database.$executeRaw`
        WITH forgotten AS (
          DELETE FROM workers WHERE worker_id IN (
            SELECT worker_id FROM workers
            WHERE worker_id <> ${workerId}
              AND heartbeat_at < now() - ${WORKER_FORGOTTEN_AFTER_MS}::float8 * interval '1 millisecond'
            FOR UPDATE SKIP LOCKED))
        INSERT INTO workers (worker_id, heartbeat_at) VALUES (${workerId}, now())
        ON CONFLICT (worker_id) DO UPDATE SET heartbeat_at = EXCLUDED.heartbeat_at`.catch(rethrow);
    // The caller's own row is always there, so there is always a count.
    const workers = await this.database.$queryRaw<{ workerId: string; liveReaders: number }[]>`
        WITH alive AS (SELECT now() - ${aliveWithinMs}::float8 * interval '1 millisecond' AS since)
        SELECT worker_id AS "workerId",
          (SELECT count(*)::int4 FROM live_readers, alive WHERE heartbeat_at >= since) AS "liveReaders"
        FROM workers, alive WHERE worker_id = ${workerId} OR heartbeat_at >= since`.catch(rethrow);
    const partitions = await this.database.partition
      .findMany({ orderBy: { partition: 'asc' }, omit: { logPruned: true, receiptPeriod: true } })
      .catch(rethrow);
    return {
      workers: workers.map((row) => row.workerId).sort(),
      partitions: partitions.map(toPartitionState),
      liveReaders: workers[0]?.liveReaders ?? 0,
    };
  }

  async deregister(workerId: string): Promise<void> {
    await this.database.worker.deleteMany({ where: { workerId } }).catch(rethrow);
    await this.database.partition.updateMany({ where: { owner: workerId }, data: { owner: null } }).catch(rethrow);
  }

  async acquire(partition: number, workerId: string): Promise<TakenPartition> {
    // Raw: takes the row's lock and returns the fencing token; nothing may come between.
    const [lease] = await this.database.$queryRaw<TakenPartition[]>`
        UPDATE partitions SET epoch = epoch + 1, owner = ${workerId}
        WHERE partition = ${partition}
        RETURNING partition, epoch::float8 AS epoch, position::float8 AS position,
          published_through::float8 AS "publishedThrough"`.catch(rethrow);
    if (lease === undefined) throw new Error(`there is no partition ${partition}`);
    return lease;
  }

  async reacquire(
    leases: readonly { partition: number; epoch: number }[],
    workerId: string,
  ): Promise<TakenPartition[]> {
    const partitions = column(leases, ({ partition }) => partition);
    const epochs = column(leases, ({ epoch }) => epoch);
    // Raw: locks rows in the order of the partitions, as batches do. The epoch is one higher, and the owner is this
    // worker, if an earlier call took effect and its answer was lost.
    return await this.database.$queryRaw<TakenPartition[]>`
        UPDATE partitions p SET epoch = p.epoch + 1, owner = ${workerId}
        FROM (SELECT p.partition FROM unnest(${partitions}::int4[], ${epochs}::int8[]) AS k(partition, epoch)
          JOIN partitions p ON p.partition = k.partition
            AND (p.epoch = k.epoch OR p.epoch = k.epoch + 1 AND p.owner = ${workerId})
          ORDER BY p.partition FOR UPDATE OF p) l
        WHERE p.partition = l.partition
        RETURNING p.partition, p.epoch::float8 AS epoch, p.position::float8 AS position,
          p.published_through::float8 AS "publishedThrough"`.catch(rethrow);
  }

  async release(partition: number, epoch: number): Promise<void> {
    const where = { partition, epoch: BigInt(epoch) };
    await this.database.partition.updateMany({ where, data: { owner: null } }).catch(rethrow);
  }

  async savePublished(partition: number, epoch: number, publishedThrough: number): Promise<boolean> {
    // Raw: GREATEST, so that the cursor never moves back. A worker sends it often.
    const count = await this.database.$executeRaw`
        UPDATE partitions SET published_through = GREATEST(published_through, ${publishedThrough})
        WHERE partition = ${partition} AND epoch = ${epoch}`.catch(rethrow);
    return count === 1;
  }
}

function toPartitionState(row: Omit<Prisma.PartitionModel, 'logPruned' | 'receiptPeriod'>): PartitionState {
  return {
    ...row,
    epoch: Number(row.epoch),
    position: Number(row.position),
    publishedThrough: Number(row.publishedThrough),
    logFloor: Number(row.logFloor),
  };
}
