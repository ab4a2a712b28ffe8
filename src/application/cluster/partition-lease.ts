/**
 * A partition lease, from its acquisition to its end: the epoch (fencing token), the publisher of the partition's log,
 * and the saved published position.
 */

import { EventPublisher, type PublisherDeps } from '../outbox/event-publisher.js';
import type { LoggedEvent } from '../ports/store/log/event-log.js';
import type { PartitionRegistry } from '../ports/store/partition-registry.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import type { Time } from '../runtime/time.js';
import { LeaseRecovery } from './lease-recovery.js';

/** How long a release waits for the confirms of events in flight. */
export const RELEASE_DRAIN_MS = 2_000;

export interface PartitionLeaseDeps {
  workerId: string;
  registry: PartitionRegistry;
  publisher: PublisherDeps;
  logger: WorkerLog;
  time: Time;
}

/** This worker gives the lease back, another worker has it, or this worker is about to acquire it again. */
export type LeaseEnd = 'released' | 'lost' | 'renewed';

/** Whether the store knows the published position of a held lease. An ended lease saves nothing. */
type Progress =
  | { kind: 'saved'; through: number }
  /** A batch has committed since the last `saveProgress`. Its transaction saved the position as well. */
  | { kind: 'saved by a batch'; through: number }
  | { kind: 'ended' };

export class PartitionLease {
  readonly epoch: number;
  readonly publisher: EventPublisher;
  private progress: Progress;

  private constructor(
    readonly partition: number,
    private readonly deps: PartitionLeaseDeps,
    /** The number of unpublished events at the start of the lease. */
    readonly backlog: number,
    from: { epoch: number; position: number; publishedThrough: number },
  ) {
    this.epoch = from.epoch;
    this.progress = { kind: 'saved', through: from.publishedThrough };
    this.publisher = new EventPublisher(partition, deps.publisher, from);
  }

  /**
   * Raises the epoch, which fences out the previous owner, also if that was this worker.
   * @param recovery how to acquire it again after an unknown commit outcome. Null otherwise
   * @returns null if another worker has the lease, with `recovery` only
   */
  static async acquire(
    partition: number,
    deps: PartitionLeaseDeps,
    recovery: LeaseRecovery | null = null,
  ): Promise<PartitionLease | null> {
    const { registry, workerId } = deps;
    const from = await (recovery?.leaseOf(partition, registry, workerId) ?? registry.acquire(partition, workerId));
    if (from === null) return null;
    return new PartitionLease(partition, deps, from.position - from.publishedThrough, from);
  }

  /** Everything up to this position is published and confirmed. */
  get publishedThrough(): number {
    return this.publisher.publishedThrough;
  }

  /** How to acquire the lease again after a batch of this partition alone had an unknown outcome. */
  recovery(): LeaseRecovery {
    return new LeaseRecovery([{ partition: this.partition, epoch: this.epoch }]);
  }

  /** Called after each commit with its events, in log order. They are then published. */
  recordCommit(events: readonly LoggedEvent[]): void {
    if (this.progress.kind === 'saved') this.progress = { ...this.progress, kind: 'saved by a batch' };
    this.publisher.append(events);
  }

  /**
   * Called periodically: saves the published position, unless a batch has saved it since the last call.
   * @returns false if another worker has the lease
   */
  async saveProgress(): Promise<boolean> {
    if (this.progress.kind !== 'saved by a batch') return this.savePublished();
    this.progress = { ...this.progress, kind: 'saved' };
    return true;
  }

  /**
   * Publishes no more; the second call does nothing. A release waits a short time for confirms, so that the next owner
   * has few events to publish again. Rejects with a `StoreError`; a lease that was to be renewed is then still held.
   */
  async end(how: LeaseEnd): Promise<void> {
    const { publisher, partition, epoch, progress } = this;
    const { registry, time, logger } = this.deps;
    if (progress.kind === 'ended') return;
    if (how === 'renewed') await this.savePublished();
    this.progress = { kind: 'ended' };
    if (how !== 'released') return publisher.stop();
    const deadline = new AbortController();
    await Promise.race([publisher.drained(), time.pause(RELEASE_DRAIN_MS, deadline.signal)]);
    deadline.abort();
    await publisher.stop();
    await registry.savePublished(partition, epoch, publisher.publishedThrough);
    await registry.release(partition, epoch);
    logger.info('lease released', { partition, epoch });
  }

  /** @returns false if another worker has the lease */
  private async savePublished(): Promise<boolean> {
    const { progress, partition, epoch } = this;
    const through = this.publisher.publishedThrough;
    if (progress.kind === 'ended' || through <= progress.through) return true;
    const isStillOwner = await this.deps.registry.savePublished(partition, epoch, through);
    // A batch may have committed meanwhile, or the lease may have ended.
    if (isStillOwner && this.progress.kind !== 'ended') this.progress = { ...this.progress, through };
    return isStillOwner;
  }
}
