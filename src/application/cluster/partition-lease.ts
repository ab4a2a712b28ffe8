/**
 * A partition lease, from its acquisition to its end: the epoch (fencing token), the publisher of the partition's log,
 * and the saved published position.
 */

import { EventPublisher, type PublisherDeps } from '../outbox/event-publisher.js';
import type { LoggedEvent } from '../ports/store/event-log.js';
import type { PartitionRegistry } from '../ports/store/partition-registry.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import type { Time } from '../runtime/time.js';

/** How long a release waits for the confirms of events in flight. */
export const RELEASE_DRAIN_MS = 2_000;

export interface PartitionLeaseDeps {
  workerId: string;
  registry: PartitionRegistry;
  publisher: PublisherDeps;
  logger: WorkerLog;
  time: Time;
}

export class PartitionLease {
  readonly epoch: number;
  readonly publisher: EventPublisher;
  /** A batch has committed since the last `saveProgress`. Its transaction saved the published position as well. */
  private hasCommitted = false;
  private savedThrough: number;

  private constructor(
    readonly partition: number,
    private readonly deps: PartitionLeaseDeps,
    /** The number of unpublished events at the start of the lease. */
    readonly backlog: number,
    from: { epoch: number; position: number; publishedThrough: number },
  ) {
    this.epoch = from.epoch;
    this.savedThrough = from.publishedThrough;
    this.publisher = new EventPublisher(partition, deps.publisher, from);
  }

  /** Raises the epoch, which fences out the previous owner, also if that was this worker. */
  static async acquire(partition: number, deps: PartitionLeaseDeps): Promise<PartitionLease> {
    const from = await deps.registry.acquire(partition, deps.workerId);
    return new PartitionLease(partition, deps, from.position - from.publishedThrough, from);
  }

  /** Everything up to this position is published and confirmed. */
  get publishedThrough(): number {
    return this.publisher.publishedThrough;
  }

  /** Called after each commit with its events, in log order. They are then published. */
  recordCommit(events: readonly LoggedEvent[]): void {
    this.hasCommitted = true;
    this.publisher.append(events);
  }

  /**
   * Called periodically: saves the published position, unless a batch has saved it since the last call.
   * @returns false if another worker has the lease
   */
  async saveProgress(): Promise<boolean> {
    if (!this.hasCommitted) return this.savePublished();
    this.hasCommitted = false;
    return true;
  }

  /** @returns false if another worker has the lease */
  async savePublished(): Promise<boolean> {
    const through = this.publisher.publishedThrough;
    if (through <= this.savedThrough) return true;
    const isStillOwner = await this.deps.registry.savePublished(this.partition, this.epoch, through);
    if (isStillOwner) this.savedThrough = through;
    return isStillOwner;
  }

  /** Releases the lease after a short wait for confirms, so that the next owner has few events to publish again. */
  async release(): Promise<void> {
    const { publisher, partition, epoch } = this;
    const { registry, time, logger } = this.deps;
    const deadline = new AbortController();
    await Promise.race([publisher.drained(), time.pause(RELEASE_DRAIN_MS, deadline.signal)]);
    deadline.abort();
    await publisher.stop();
    await registry.savePublished(partition, epoch, publisher.publishedThrough);
    await registry.release(partition, epoch);
    logger.info('lease released', { partition, epoch });
  }
}
