import type { ClusterState } from '../ports/partition-registry.js';

/** What a worker is to a partition: its assigned owner, the next in line, or nothing. */
export type Duty = 'assigned' | 'standby' | 'none';

/** Sorted by id, worker `p mod n` is assigned partition p, and the next one is its standby: fair within one, and the same everywhere. */
export function dutyOf(workerId: string, partition: number, workers: readonly string[]): Duty {
  const count = workers.length;
  if (count === 0) return 'none';
  if (workers[partition % count] === workerId) return 'assigned';
  return workers[(partition + 1) % count] === workerId ? 'standby' : 'none';
}

export function isServed(census: ClusterState, partition: number): boolean {
  const owner = census.partitions[partition]?.owner ?? null;
  return owner !== null && census.workers.includes(owner);
}
