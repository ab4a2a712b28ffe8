import type { ClusterState } from '../ports/store/partition-registry.js';

/** A worker's role for a partition: assigned owner, standby, or none. */
export type Duty = 'assigned' | 'standby' | 'none';

/**
 * With workers sorted by id, worker `p mod n` is assigned partition p, and the next worker is its standby. Loads differ
 * by at most one partition, and all workers compute the same result.
 */
export function dutyOf(workerId: string, partition: number, workers: readonly string[]): Duty {
  const count = workers.length;
  if (count === 0) return 'none';
  if (workers[partition % count] === workerId) return 'assigned';
  return workers[(partition + 1) % count] === workerId ? 'standby' : 'none';
}

export function hasLiveOwner(cluster: ClusterState, partition: number): boolean {
  const owner = cluster.partitions[partition]?.owner ?? null;
  return owner !== null && cluster.workers.includes(owner);
}
