import type { BatchLease } from '../ports/store/command-store.js';
import type { PartitionRegistry, TakenPartition } from '../ports/store/partition-registry.js';

/**
 * Re-acquires the leases of a batch whose commit outcome is unknown, all in one statement, and only those that no other
 * worker has acquired meanwhile. The consumers of its partitions share one recovery.
 */
export class LeaseRecovery {
  private taken: Promise<TakenPartition[]> | null = null;

  constructor(private readonly leases: readonly Pick<BatchLease, 'partition' | 'epoch'>[]) {}

  /** @returns null if another worker has acquired the lease. Rejects with a `StoreError`; the next call tries again. */
  async leaseOf(partition: number, registry: PartitionRegistry, workerId: string): Promise<TakenPartition | null> {
    this.taken ??= registry.reacquire(this.leases, workerId);
    try {
      return (await this.taken).find((lease) => lease.partition === partition) ?? null;
    } catch (error) {
      this.taken = null;
      throw error;
    }
  }
}
