/**
 * Which workers are alive and which worker has the lease of which partition. This is in the database, because the
 * broker alone cannot guarantee exclusive ownership.
 */

export interface TakenPartition {
  partition: number;
  /** The fencing token. Every acquisition raises it, and writes under a lower epoch are rejected. */
  epoch: number;
  /** The last used position. */
  position: number;
  /** Everything up to this position is published and confirmed. */
  publishedThrough: number;
}

export interface PartitionState {
  partition: number;
  epoch: number;
  owner: string | null;
  position: number;
  publishedThrough: number;
  /**
   * At or below this position the log may lack events of rejected commands; above it the log is contiguous. Never above
   * `publishedThrough`.
   */
  logFloor: number;
}

export interface ClusterState {
  /** Sorted ids of the live workers, including the caller. */
  workers: string[];
  partitions: PartitionState[];
  /** Number of live readers of the live feed (`LiveReaders`). */
  liveReaders: number;
}

export interface PartitionRegistry {
  /**
   * Records the namespace and the number of partitions at the first start. Returns the recorded values. If they differ
   * from the caller's, the caller must stop before it declares anything.
   */
  settle(wanted: { namespace: string; partitions: number }): Promise<{ namespace: string; partitions: number }>;
  /**
   * Records that a worker is alive. Returns the workers, and counts the readers of the live feed, with a heartbeat
   * within `aliveWithinMs`, by the database's clock.
   */
  heartbeat(workerId: string, aliveWithinMs: number): Promise<ClusterState>;
  /** Removes a worker and releases its leases. */
  deregister(workerId: string): Promise<void>;
  /** Raises the epoch and sets the new owner. Waits for a running transaction of the previous owner. */
  acquire(partition: number, workerId: string): Promise<TakenPartition>;
  /**
   * Raises the epochs of these leases after a commit with an unknown outcome, in one statement. A lease that another
   * worker has acquired meanwhile is left unchanged and is missing in the result. Waits as `acquire` does. May be
   * called again with the same leases if no answer came.
   */
  reacquire(leases: readonly { partition: number; epoch: number }[], workerId: string): Promise<TakenPartition[]>;
  /** Releases the lease if it still has that epoch. */
  release(partition: number, epoch: number): Promise<void>;
  /** Saves the contiguous confirmed prefix of the log. Returns false if the epoch is outdated. */
  savePublished(partition: number, epoch: number, publishedThrough: number): Promise<boolean>;
}
