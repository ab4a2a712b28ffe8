/**
 * One time of owning a partition, from its take-over to its end: the epoch, the publisher of its log, and how far of what is published is saved.
 */

import { EventPublisher, type PublisherDeps } from '../outbox/event-publisher.js';
import type { PartitionRegistry } from '../ports/partition-registry.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import type { Time } from '../runtime/time.js';

/** How long a release waits for the confirms of what is published already. */
export const RELEASE_DRAIN_MS = 2_000;

/** What processing a batch needs of the lease under which it is done. */
export interface ProcessingLease {
  epoch: number;
  publisher: EventPublisher;
  /** Set with each batch that is committed, and with it how far the log was published. */
  hasCommitted: boolean;
}

export interface PartitionLeaseDeps {
  workerId: string;
  registry: PartitionRegistry;
  publisher: PublisherDeps;
  logger: WorkerLog;
  time: Time;
}

export class PartitionLease implements ProcessingLease {
  readonly epoch: number;
  readonly publisher: EventPublisher;
  hasCommitted = false;
  private savedThrough: number;

  private constructor(
    private readonly partition: number,
    private readonly deps: PartitionLeaseDeps,
    /** Events that were waiting to be published. */
    readonly backlog: number,
    from: { epoch: number; position: number; publishedThrough: number },
  ) {
    this.epoch = from.epoch;
    this.savedThrough = from.publishedThrough;
    this.publisher = new EventPublisher(partition, deps.publisher, from);
  }

  /** Raises the epoch: whoever owned the partition does no longer, also where that was this worker. */
  static async take(partition: number, deps: PartitionLeaseDeps): Promise<PartitionLease> {
    const from = await deps.registry.takeOver(partition, deps.workerId);
    return new PartitionLease(partition, deps, from.position - from.publishedThrough, from);
  }

  /**
   * To be called now and then: saves how far the log is published, unless a batch has told of it since the last time, as each one does.
   * @returns false: somebody else owns the partition
   */
  async saveProgress(): Promise<boolean> {
    if (!this.hasCommitted) return this.savePublished();
    this.hasCommitted = false;
    return true;
  }

  /** @returns false: somebody else owns the partition */
  async savePublished(): Promise<boolean> {
    const through = this.publisher.publishedThrough;
    if (through <= this.savedThrough) return true;
    const isOurs = await this.deps.registry.savePublished(this.partition, this.epoch, through);
    if (isOurs) this.savedThrough = through;
    return isOurs;
  }

  /** Leaves the partition to its next owner, with as little as can be to publish again. */
  async release(): Promise<void> {
    const { publisher, partition, epoch } = this;
    const { registry, time, logger } = this.deps;
    const deadline = new AbortController();
    await Promise.race([publisher.drained(), time.pause(RELEASE_DRAIN_MS, deadline.signal)]);
    deadline.abort();
    await publisher.stop();
    await registry.savePublished(partition, epoch, publisher.publishedThrough);
    await registry.release(partition, epoch);
    logger.info('released', { partition, epoch });
  }
}
