import type {
  ClusterState,
  PartitionRegistry,
  TakenPartition,
} from '../../../application/ports/store/partition-registry.js';
import { byCodeUnit, type MemoryTables, type PartitionRow } from './memory-tables.js';

/** A worker without a heartbeat for this long is removed. */
const WORKER_FORGOTTEN_AFTER_MS = 60_000;

export class MemoryPartitionRegistry implements PartitionRegistry {
  /** `now` is the database's clock, in milliseconds. */
  constructor(
    private readonly tables: MemoryTables,
    private readonly now: () => number = Date.now,
  ) {}

  async settle(wanted: { namespace: string; partitions: number }): Promise<{ namespace: string; partitions: number }> {
    const { tables } = this;
    tables.namespace ??= wanted.namespace;
    tables.partitionCount ??= wanted.partitions;
    for (let partition = 0; partition < tables.partitionCount; partition += 1) {
      if (tables.partitions.has(partition)) continue;
      tables.partitions.set(partition, {
        partition,
        epoch: 0,
        owner: null,
        position: 0,
        publishedThrough: 0,
        logFloor: 0,
        logPruned: 0,
      });
    }
    return { namespace: tables.namespace, partitions: tables.partitionCount };
  }

  async heartbeat(workerId: string, aliveWithinMs: number): Promise<ClusterState> {
    const now = this.now();
    const { workers, partitions, liveReaders } = this.tables;
    workers.set(workerId, now);
    for (const [id, heardOf] of workers) {
      if (heardOf < now - WORKER_FORGOTTEN_AFTER_MS) workers.delete(id);
    }
    return {
      workers: [...workers].flatMap(([id, heardOf]) => (heardOf >= now - aliveWithinMs ? [id] : [])).sort(byCodeUnit),
      partitions: [...partitions.values()].map(({ logPruned: _logPruned, ...state }) => state),
      liveReaders: [...liveReaders.values()].filter((heardOf) => heardOf >= now - aliveWithinMs).length,
    };
  }

  async deregister(workerId: string): Promise<void> {
    this.tables.workers.delete(workerId);
    for (const row of this.tables.partitions.values()) {
      if (row.owner === workerId) row.owner = null;
    }
  }

  async reacquire(
    leases: readonly { partition: number; epoch: number }[],
    workerId: string,
  ): Promise<TakenPartition[]> {
    const ours = leases.filter(({ partition, epoch }) => {
      const row = this.tables.partitions.get(partition);
      return row?.epoch === epoch || (row?.epoch === epoch + 1 && row.owner === workerId);
    });
    return Promise.all(ours.map(({ partition }) => this.acquire(partition, workerId)));
  }

  async acquire(partition: number, workerId: string): Promise<TakenPartition> {
    const row = this.tables.partitions.get(partition);
    if (row === undefined) throw new Error(`there is no partition ${partition}`);
    row.epoch += 1;
    row.owner = workerId;
    return {
      partition,
      epoch: row.epoch,
      position: row.position,
      publishedThrough: row.publishedThrough,
    };
  }

  async release(partition: number, epoch: number): Promise<void> {
    const row = this.owned(partition, epoch);
    if (row !== null) row.owner = null;
  }

  async savePublished(partition: number, epoch: number, publishedThrough: number): Promise<boolean> {
    const row = this.owned(partition, epoch);
    if (row === null) return false;
    row.publishedThrough = Math.max(row.publishedThrough, publishedThrough);
    return true;
  }

  private owned(partition: number, epoch: number): PartitionRow | null {
    const row = this.tables.partitions.get(partition);
    return row === undefined || row.epoch !== epoch ? null : row;
  }
}
