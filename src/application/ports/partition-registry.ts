/** Who is alive and who owns which partition: in the database, so that it holds what the broker alone cannot promise. */

export interface TakenPartition {
  partition: number;
  /** Raised by every take-over: what runs under an older one is fenced out. */
  epoch: number;
  /** The last position in use. */
  position: number;
  /** Everything up to here is published and confirmed. */
  publishedThrough: number;
  /** The last ring repair (see ADR on the hash ring) whose marker has passed through this partition's queue. */
  ringSeen: number;
  /** The last ring repair. While it is above `ringSeen`, commands may have come in at the wrong queue. */
  ringGeneration: number;
}

export interface PartitionState {
  partition: number;
  epoch: number;
  owner: string | null;
  position: number;
  publishedThrough: number;
  /** At or below this position the log may lack events of rejected commands; above it the log is contiguous. Never above `publishedThrough`. */
  logFloor: number;
}

export interface ClusterState {
  /** Ids of the live workers, sorted; the caller among them. */
  workers: string[];
  partitions: PartitionState[];
}

export interface PartitionRegistry {
  /**
   * Records the namespace and the number of partitions at the first start; answers what is recorded. A caller that finds
   * others than its own must stop before it declares anything.
   */
  settle(wanted: { namespace: string; partitions: number }): Promise<{ namespace: string; partitions: number }>;
  /** Says that a worker is alive, and answers who else is: those heard of within `aliveWithinMs`, by the database's clock. */
  heartbeat(workerId: string, aliveWithinMs: number): Promise<ClusterState>;
  /** Takes a worker off the list and gives up what it owned. */
  deregister(workerId: string): Promise<void>;
  /** Raises the epoch and names the new owner. Waits for a transaction of the previous owner that is under way. */
  takeOver(partition: number, workerId: string): Promise<TakenPartition>;
  /** Gives a partition up, if it is still owned under that epoch. */
  release(partition: number, epoch: number): Promise<void>;
  /** Saves the contiguous confirmed prefix of the log; false if the epoch has passed. */
  savePublished(partition: number, epoch: number, publishedThrough: number): Promise<boolean>;
  /**
   * One caller at a time: if `isNeeded` still says so, counts a new ring generation (committed before `repair` runs) and runs `repair`.
   * The others wait and then find that it is not needed.
   */
  repairRing(isNeeded: () => Promise<boolean>, repair: (generation: number) => Promise<void>): Promise<void>;
  /** The marker of a ring repair has passed through a partition's queue. */
  sawRingMarker(partition: number, epoch: number, generation: number): Promise<void>;
}
