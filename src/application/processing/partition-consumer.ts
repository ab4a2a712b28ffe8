/**
 * Consumes one partition: subscribes to its queue and, while it has the lease, is the partition's only writer. The
 * processor (batch-processor.ts) handles each batch.
 *
 * ```
 *   away ──subscribe──▶ subscribed ──first delivery, or assigned──▶ acquiring ──epoch raised──▶ processing
 *     ▲                                                                                            │
 *     └── channel closed: the broker requeues all unacknowledged deliveries ◀── fenced, released, lost
 * ```
 *
 * The broker does not tell a consumer that it has become the active one, so the first delivery does. The broker's
 * single active consumer and the epoch are the safety net. A worker without the lease is fenced out by the partition's
 * row and closes its channel. All steps run in one loop, so that no two steps overlap. The current batch stays current
 * until it is acknowledged or its subscription has ended.
 */

import type { LeaseRecovery } from '../cluster/lease-recovery.js';
import { PartitionLease, type PartitionLeaseDeps } from '../cluster/partition-lease.js';
import { StoreError } from '../ports/store/command-store.js';
import type { CommandSource, Delivery, Subscription } from '../ports/transport/transport.js';
import { Backoff } from '../runtime/backoff.js';
import { Signal } from '../runtime/signal.js';
import { BatchProcessor, type BatchProcessorDeps } from './batch-processor.js';
import { BATCH_MAX_COMMANDS, DeliveryBuffer, sizeOf } from './delivery-buffer.js';
import type { BatchExecutor } from './execution/batch-executor.js';
import { Fenced } from './execution/batch-transaction.js';
import type { GroupCommit, Seat } from './execution/group-commit.js';
import { OutcomeUnknown } from './execution/retrying-store.js';

/** Two batches: one in the transaction, one that gathers meanwhile. */
export const PREFETCH = 2 * BATCH_MAX_COMMANDS;
/** Maximum time that a stop waits for the current batch when the store does not answer. */
export const STOP_BATCH_MS = 5_000;

export interface PartitionConsumerDeps extends BatchProcessorDeps, PartitionLeaseDeps {
  source: CommandSource;
  executor: BatchExecutor;
}

export interface PartitionStatus {
  partition: number;
  /** The epoch of the lease. Null if this worker does not have the lease. */
  epoch: number | null;
  isSubscribed: boolean;
  /** The time since which a wanted subscription is missing. Null if it exists or is not wanted. */
  notSubscribedSince: Date | null;
  unpublished: number;
  /** The commit time of the oldest unpublished event. Null if there is none. */
  unpublishedSince: Date | null;
  obstacle: string | null;
  /** The time since which the current batch is processed. Null if there is none. */
  batchSince: Date | null;
  /** The time since which the current batch has met only contention in the store. Null if there is no contention. */
  contendedSince: Date | null;
}

export class PartitionConsumer {
  private readonly processor: BatchProcessor;
  private readonly buffer = new DeliveryBuffer();
  private batch: Delivery[] = [];
  private batchSince = new Date();
  private subscription: Subscription | null = null;
  private subscriptionLife = new AbortController();
  /** Aborts the processing of the current batch: when the subscription is lost, or when this consumer stops. */
  private processing = new AbortController();
  private lease: PartitionLease | null = null;
  /** The subscription has changed since the lease was acquired. The lease must be acquired again before processing. */
  private isStale = false;
  /** How to acquire the lease again after an unknown commit outcome. Null otherwise. */
  private recovery: LeaseRecovery | null = null;
  private wantsSubscription = false;
  private notSubscribedSince: Date | null = null;
  private acquireDue: string | null = null;
  private relinquishDue: 'release' | 'lost' | null = null;
  private isStopping = false;
  private readonly life = new AbortController();
  /**
   * Ends the pause after a failed attempt to subscribe, also if the attempt has not failed yet. It is aborted when the
   * broker is back or when this consumer stops.
   */
  private retryPause = new AbortController();
  private readonly changed = new Signal();
  private readonly backoff: Backoff;
  private readonly running: Promise<void>;

  constructor(
    readonly partition: number,
    private readonly deps: PartitionConsumerDeps,
    /** Shared with the other partitions of the worker. */
    private readonly groups: GroupCommit,
  ) {
    this.processor = new BatchProcessor(partition, deps);
    this.backoff = new Backoff(deps.time);
    this.running = this.run();
  }

  get status(): PartitionStatus {
    const { partition, lease, subscription } = this;
    return {
      partition,
      epoch: lease?.epoch ?? null,
      isSubscribed: subscription !== null,
      notSubscribedSince: subscription === null && this.wantsSubscription ? this.notSubscribedSince : null,
      unpublished: lease?.publisher.unpublished ?? 0,
      unpublishedSince: lease?.publisher.waitingSince ?? null,
      obstacle: lease?.publisher.obstacle ?? null,
      batchSince: this.batch.length === 0 ? null : this.batchSince,
      contendedSince: this.deps.executor.contendedSince(partition),
    };
  }

  get hasLease(): boolean {
    return this.lease !== null;
  }

  /** Subscribes to the partition's queue and waits to become its active consumer. */
  subscribe(): void {
    this.wantsSubscription = true;
    this.changed.wake();
  }

  /** Subscribes and acquires the lease. If this worker has the lease already, it acquires it once more. */
  acquire(why: string): void {
    this.wantsSubscription = true;
    if (this.lease !== null) this.isStale = true;
    this.acquireDue ??= why;
    this.changed.wake();
  }

  /** Finishes the current batch, returns the other deliveries to the broker, and releases the lease. */
  release(): void {
    this.wantsSubscription = false;
    this.relinquishDue = 'release';
    this.changed.wake();
  }

  /** Another worker has the lease now. */
  leaseLost(): void {
    this.relinquishDue ??= 'lost';
    this.changed.wake();
  }

  /** The broker accepts subscriptions again, so the pause before the next attempt ends. */
  brokerReconnected(): void {
    if (this.subscription === null) this.retryPause.abort();
  }

  /** Called periodically: saves the published position if it has moved. */
  async saveProgress(): Promise<void> {
    const { lease } = this;
    if (lease === null || (await lease.saveProgress())) return;
    if (this.lease === lease) this.leaseLost();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.changed.wake();
    const stopped = new AbortController();
    void this.deps.time.pause(STOP_BATCH_MS, stopped.signal).then(() => this.abortAll(new Error('stopping')));
    await this.running;
    stopped.abort();
  }

  /**
   * Aborts each signal on its own, without `AbortSignal.any`. A long-lived signal keeps a reference to every signal
   * that was combined with it, 170 bytes for each batch (https://github.com/nodejs/node/issues/55351).
   */
  private abortAll(reason: Error): void {
    this.life.abort(reason);
    this.processing.abort(reason);
    this.retryPause.abort(reason);
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        await this.turn();
        this.backoff.reset();
      } catch (error) {
        await this.recover(error);
      }
    }
    await this.relinquish('release').catch((error: unknown) =>
      this.deps.logger.warn('lease not released', { partition: this.partition, error }),
    );
  }

  private async turn(): Promise<void> {
    if (this.relinquishDue !== null) return this.relinquish(this.relinquishDue);
    if (!this.wantsSubscription) {
      if (this.subscription !== null || this.lease !== null) return this.relinquish('release');
      this.notSubscribedSince = null;
      return this.changed.wait();
    }
    if (this.subscription === null) return this.openSubscription();
    if (this.acquireDue !== null) {
      if (this.lease === null || this.isStale) await this.acquireLease(this.acquireDue);
      this.acquireDue = null;
      return;
    }
    if (this.batch.length === 0 && this.buffer.isEmpty) return this.changed.wait();
    const seat = await this.groups.enter(this.partition, () =>
      this.batch.length > 0 ? sizeOf(this.batch) : this.buffer.nextSize,
    );
    try {
      await this.processNext(seat);
    } finally {
      seat.leave();
    }
  }

  private async processNext(seat: Seat): Promise<void> {
    const { subscription } = this;
    // The state may have changed while the consumer waited for its seat.
    if (subscription === null || this.isStopping || this.relinquishDue !== null || this.acquireDue !== null) return;
    if (this.batch.length === 0) {
      if (this.buffer.isEmpty) return;
      this.batch = this.buffer.take();
      this.batchSince = new Date();
    }
    const lease = this.lease === null || this.isStale ? await this.acquireLease('delivery') : this.lease;
    await this.processor.process(this.batch, lease, seat, subscription, this.processing.signal);
    this.batch = [];
  }

  private async recover(error: unknown): Promise<void> {
    const { logger } = this.deps;
    const { partition } = this;
    if (error instanceof Fenced) {
      logger.info('lease lost', { partition });
      this.relinquishDue ??= 'lost';
      return;
    }
    if (error instanceof OutcomeUnknown) {
      logger.warn('commit outcome unknown; re-acquiring the lease', { partition, error });
      this.isStale = true;
      this.recovery = error.recovery ?? this.lease?.recovery() ?? null;
      return;
    }
    // The subscription was lost during the work. The broker has requeued the batch, and the next turn subscribes again.
    if (this.subscription === null && this.wantsSubscription) logger.debug('batch interrupted', { partition, error });
    else if (error instanceof StoreError) logger.warn('store unavailable', { partition, error });
    else logger.warn('processing failed; retrying', { partition, error });
    await this.backoff.wait((this.subscription === null ? this.retryPause : this.life).signal);
  }

  private async openSubscription(): Promise<void> {
    this.notSubscribedSince ??= this.deps.time.now();
    const life = new AbortController();
    this.subscriptionLife = life;
    this.processing = new AbortController();
    this.retryPause = new AbortController();
    this.subscription = await this.deps.source.subscribe(this.partition, PREFETCH, {
      onDelivery: (delivery) => {
        if (life.signal.aborted) return;
        this.buffer.push(delivery);
        this.changed.wake();
      },
      onLost: (cause) => {
        if (life.signal.aborted) return;
        this.deps.logger.info('subscription lost', { partition: this.partition, cause: cause.message });
        this.forgetSubscription(cause);
      },
    });
    // The subscription may have been lost right after it was opened.
    if (life.signal.aborted) this.subscription = null;
    else this.notSubscribedSince = null;
  }

  private forgetSubscription(cause: Error): void {
    this.subscription = null;
    this.endSubscriptionLife(cause);
    this.buffer.clear();
    this.batch = [];
    this.isStale = true;
    this.recovery = null;
    this.changed.wake();
  }

  private endSubscriptionLife(cause: Error): void {
    this.subscriptionLife.abort(cause);
    this.processing.abort(cause);
  }

  /** Raises the epoch. Committed but unpublished events go out first, because the publisher works in log order. */
  private async acquireLease(why: string): Promise<PartitionLease> {
    const { partition, lease: previous } = this;
    if (previous !== null && !(await previous.savePublished())) this.leaseLost();
    this.lease = null;
    await previous?.publisher.stop();
    const lease = await PartitionLease.acquire(partition, this.deps, this.recovery);
    if (lease === null) throw new Fenced([partition]);
    this.isStale = false;
    this.recovery = null;
    // An earlier loss is void: this worker has the lease again.
    if (this.relinquishDue === 'lost') this.relinquishDue = null;
    this.lease = lease;
    this.deps.observer.leaseAcquired(partition, why);
    this.deps.logger.info('lease acquired', { partition, epoch: lease.epoch, why, backlog: lease.backlog });
    return lease;
  }

  private async relinquish(how: 'release' | 'lost'): Promise<void> {
    const { lease, subscription } = this;
    this.relinquishDue = null;
    this.acquireDue = null;
    this.lease = null;
    this.recovery = null;
    this.subscription = null;
    this.endSubscriptionLife(new Error('lease relinquished'));
    this.buffer.clear();
    this.batch = [];
    await subscription?.close().catch((error: unknown) => this.deps.logger.debug('channel already closed', { error }));
    if (how === 'release') await lease?.release();
    else await lease?.publisher.stop();
  }
}
