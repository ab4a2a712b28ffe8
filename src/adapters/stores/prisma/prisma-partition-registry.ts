import type {
  ClusterState,
  PartitionRegistry,
  PartitionState,
  TakenPartition,
} from '../../../application/ports/partition-registry.js';
import type { PrismaClient } from './generated/client.js';
import { TRANSACTION_START_TIMEOUT_MS } from './prisma-database.js';
import { rethrow, toStoreError } from './store-errors.js';

/** A worker without a heartbeat for this long is removed. */
export const WORKER_FORGOTTEN_AFTER_MS = 60_000;
/**
 * Key of the advisory lock for ring repairs: one repair at a time. Any number that nothing else in the database uses.
 */
export const RING_REPAIR_LOCK = 72_707_370;
/**
 * For one repair of the ring. After it the lock is released. Below SILENCE_TIMEOUT_MS, because the connection has no
 * traffic meanwhile.
 */
export const RING_REPAIR_TIMEOUT_MS = 15_000;
/** For waiting and repairing. */
const RING_TRANSACTION_TIMEOUT_MS = 2 * RING_REPAIR_TIMEOUT_MS;

/** Every method rejects with a `StoreError`. */
export class PrismaPartitionRegistry implements PartitionRegistry {
  constructor(private readonly database: PrismaClient) {}

  async settle(wanted: { namespace: string; partitions: number }): Promise<{ namespace: string; partitions: number }> {
    // The UPDATE locks the store's row, so a concurrent caller reads what the first one has recorded.
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
    await this.database.$executeRaw`
        WITH forgotten AS (
          DELETE FROM workers WHERE worker_id IN (
            SELECT worker_id FROM workers
            WHERE worker_id <> ${workerId}
              AND heartbeat_at < now() - ${WORKER_FORGOTTEN_AFTER_MS}::float8 * interval '1 millisecond'
            FOR UPDATE SKIP LOCKED))
        INSERT INTO workers (worker_id, heartbeat_at) VALUES (${workerId}, now())
        ON CONFLICT (worker_id) DO UPDATE SET heartbeat_at = EXCLUDED.heartbeat_at`.catch(rethrow);
    const workers = await this.database.$queryRaw<{ workerId: string }[]>`
        SELECT worker_id AS "workerId" FROM workers
        WHERE worker_id = ${workerId} OR heartbeat_at >= now() - ${aliveWithinMs}::float8 * interval '1 millisecond'`.catch(
      rethrow,
    );
    const partitions = await this.database.$queryRaw<PartitionState[]>`
        SELECT partition, epoch::float8 AS epoch, owner, position::float8 AS position,
          published_through::float8 AS "publishedThrough", log_floor::float8 AS "logFloor"
        FROM partitions ORDER BY partition`.catch(rethrow);
    return { workers: workers.map((row) => row.workerId).sort(), partitions };
  }

  async deregister(workerId: string): Promise<void> {
    await this.database.$executeRaw`DELETE FROM workers WHERE worker_id = ${workerId}`.catch(rethrow);
    await this.database.$executeRaw`UPDATE partitions SET owner = NULL WHERE owner = ${workerId}`.catch(rethrow);
  }

  async acquire(partition: number, workerId: string): Promise<TakenPartition> {
    const [lease] = await this.database.$queryRaw<TakenPartition[]>`
        UPDATE partitions SET epoch = epoch + 1, owner = ${workerId}
        WHERE partition = ${partition}
        RETURNING partition, epoch::float8 AS epoch, position::float8 AS position,
          published_through::float8 AS "publishedThrough", ring_seen AS "ringSeen",
          (SELECT ring_generation FROM store) AS "ringGeneration"`.catch(rethrow);
    if (lease === undefined) throw new Error(`there is no partition ${partition}`);
    return lease;
  }

  async release(partition: number, epoch: number): Promise<void> {
    await this.database.$executeRaw`
        UPDATE partitions SET owner = NULL WHERE partition = ${partition} AND epoch = ${epoch}`.catch(rethrow);
  }

  async savePublished(partition: number, epoch: number, publishedThrough: number): Promise<boolean> {
    const count = await this.database.$executeRaw`
        UPDATE partitions SET published_through = GREATEST(published_through, ${publishedThrough})
        WHERE partition = ${partition} AND epoch = ${epoch}`.catch(rethrow);
    return count === 1;
  }

  /**
   * A separate transaction holds the lock and writes nothing. The new generation is committed on another connection
   * before `repair` runs. Errors of `isNeeded` and `repair` pass through.
   */
  async repairRing(isNeeded: () => Promise<boolean>, repair: (generation: number) => Promise<void>): Promise<void> {
    let thrown: { error: unknown } | null = null;
    const callersOwn = async <T>(call: () => Promise<T>): Promise<T> => {
      try {
        return await call();
      } catch (error) {
        thrown = { error };
        throw error;
      }
    };
    try {
      await this.database.$transaction(
        async (tx) => {
          await tx.$queryRaw`SELECT set_config('idle_in_transaction_session_timeout', ${String(RING_REPAIR_TIMEOUT_MS)}, true)`;
          await tx.$queryRaw`SELECT 1 AS locked FROM pg_advisory_xact_lock(${RING_REPAIR_LOCK}::int8)`;
          if (!(await callersOwn(isNeeded))) return;
          const [store] = await this.database.$queryRaw<{ generation: number }[]>`
              UPDATE store SET ring_generation = ring_generation + 1 RETURNING ring_generation AS generation`.catch(
            rethrow,
          );
          if (store === undefined) throw new Error('the store has no identity: its row is missing');
          await callersOwn(() => repair(store.generation));
        },
        { timeout: RING_TRANSACTION_TIMEOUT_MS, maxWait: TRANSACTION_START_TIMEOUT_MS },
      );
    } catch (error) {
      if (thrown !== null) throw (thrown as { error: unknown }).error;
      throw toStoreError(error);
    }
  }

  async sawRingMarker(partition: number, epoch: number, generation: number): Promise<void> {
    await this.database.$executeRaw`
        UPDATE partitions SET ring_seen = GREATEST(ring_seen, ${generation})
        WHERE partition = ${partition} AND epoch = ${epoch}`.catch(rethrow);
  }
}
