/**
 * Owning a partition: subscribed to its queue, and, while the epoch holds, its only writer. What is done with a batch meanwhile is the
 * service's (batch-processor.ts).
 *
 * ```
 *   away ──subscribe──▶ in line ──first delivery, or assigned──▶ taking over ──epoch raised──▶ serving
 *     ▲                                                                                          │
 *     └── channel closed: everything unacknowledged goes back, in order ◀── fenced, released, lost
 * ```
 *
 * Nobody tells a consumer that it has become the active one, so the first delivery does. The broker's single active consumer and the epoch are
 * the safety net: a worker that serves without owning is fenced out by the partition's row and closes its channel. All of it runs in one
 * loop, so that no two steps overlap; a batch in hand stays in hand until it is acknowledged or its subscription has ended.
 */

import { PartitionLease, type PartitionLeaseDeps } from '../cluster/partition-lease.js';
import { StoreError } from '../ports/command-store.js';
import type { CommandSource, Delivery, Subscription } from '../ports/transport.js';
import { Backoff } from '../runtime/backoff.js';
import { Signal } from '../runtime/signal.js';
import { Fenced } from './batch-executor.js';
import { BatchProcessor, type BatchProcessorDeps } from './batch-processor.js';
import type { BatchSlots } from './batch-slots.js';
import { BATCH_MAX_COMMANDS, DeliveryBuffer } from './delivery-buffer.js';
import { OutcomeUnknown } from './retrying-store.js';

/** Two batches: one in the transaction, one gathering meanwhile. */
export const PREFETCH = 2 * BATCH_MAX_COMMANDS;
/** How long a stop waits for the batch in hand when the store does not answer. */
export const STOP_IN_HAND_MS = 5_000;

export interface PartitionConsumerDeps extends Omit<BatchProcessorDeps, 'registry'>, PartitionLeaseDeps {
  source: CommandSource;
}

export interface PartitionStatus {
  partition: number;
  /** The epoch under which it is served here; null: not the owner. */
  epoch: number | null;
  isSubscribed: boolean;
  /** Since when it is to be subscribed to without being so; null: it is, or need not be. */
  notSubscribedSince: Date | null;
  unpublished: number;
  /** Since when the oldest of these events waits; null: there are none. */
  unpublishedSince: Date | null;
  obstacle: string | null;
  /** Since when the commands in hand are being worked on; null: there are none. */
  inHandSince: Date | null;
  /** Since when these have met nothing but contention in the store; null: they do not. */
  contendedSince: Date | null;
}

export class PartitionConsumer {
  private readonly service: BatchProcessor;
  private readonly buffer = new DeliveryBuffer();
  private inHand: Delivery[] = [];
  private inHandSince = new Date();
  private subscription: Subscription | null = null;
  private subscriptionLife = new AbortController();
  /** Ends the work on what is in hand: with the subscription, or with this owner's life. */
  private serving = new AbortController();
  private held: PartitionLease | null = null;
  /** The subscription has changed since the take-over: what is held must be read again before serving. */
  private isStale = false;
  private wantsSubscription = false;
  private notSubscribedSince: Date | null = null;
  private takeOverDue: string | null = null;
  private giveUpDue: 'release' | 'lost' | null = null;
  private isStopping = false;
  private readonly life = new AbortController();
  /** Ends the pause after the present attempt to subscribe, also where that has not failed yet: when the broker is back, or with this life. */
  private pausing = new AbortController();
  private readonly wakeUp = new Signal();
  private readonly backoff: Backoff;
  private readonly running: Promise<void>;

  constructor(
    readonly partition: number,
    private readonly deps: PartitionConsumerDeps,
    /** Shared with the worker's other partitions. */
    private readonly slots: BatchSlots,
  ) {
    this.service = new BatchProcessor(partition, deps);
    this.backoff = new Backoff(deps.time);
    this.running = this.run();
  }

  get status(): PartitionStatus {
    const { partition, held, subscription } = this;
    return {
      partition,
      epoch: held?.epoch ?? null,
      isSubscribed: subscription !== null,
      notSubscribedSince: subscription === null && this.wantsSubscription ? this.notSubscribedSince : null,
      unpublished: held?.publisher.unpublished ?? 0,
      unpublishedSince: held?.publisher.waitingSince ?? null,
      obstacle: held?.publisher.obstacle ?? null,
      inHandSince: this.inHand.length === 0 ? null : this.inHandSince,
      contendedSince: this.deps.runner.contendedSince(partition),
    };
  }

  get owns(): boolean {
    return this.held !== null;
  }

  /** Be in line for the partition's commands. */
  subscribe(): void {
    this.wantsSubscription = true;
    this.wakeUp.wake();
  }

  /** Become the owner, in line first; once more where it is held already. */
  takeOver(why: string): void {
    this.wantsSubscription = true;
    if (this.held !== null) this.isStale = true;
    this.takeOverDue ??= why;
    this.wakeUp.wake();
  }

  /** Finish what is in hand, give the rest back, and leave the partition to its next owner. */
  release(): void {
    this.wantsSubscription = false;
    this.giveUpDue = 'release';
    this.wakeUp.wake();
  }

  /** Somebody else owns the partition now. */
  lost(): void {
    this.giveUpDue ??= 'lost';
    this.wakeUp.wake();
  }

  /** The broker can be subscribed to again: there is no use in waiting any longer. */
  brokerIsBack(): void {
    if (this.subscription === null) this.pausing.abort();
  }

  /** To be called now and then: what the log is published through is saved, if that has moved. */
  async saveProgress(): Promise<void> {
    const { held } = this;
    if (held === null || (await held.saveProgress())) return;
    if (this.held === held) this.lost();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.wakeUp.wake();
    const stopped = new AbortController();
    void this.deps.time.pause(STOP_IN_HAND_MS, stopped.signal).then(() => this.endLife(new Error('stopping')));
    await this.running;
    stopped.abort();
  }

  /**
   * What ends with a life is ended one by one, without `AbortSignal.any`: a signal that lives on never lets go of what it was made a part of,
   * 170 bytes for each batch (https://github.com/nodejs/node/issues/55351).
   */
  private endLife(reason: Error): void {
    this.life.abort(reason);
    this.serving.abort(reason);
    this.pausing.abort(reason);
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
      this.deps.logger.warn('partition not released in good order', { partition: this.partition, error }),
    );
  }

  private async turn(): Promise<void> {
    if (this.giveUpDue !== null) return this.relinquish(this.giveUpDue);
    if (!this.wantsSubscription) {
      if (this.subscription !== null || this.held !== null) return this.relinquish('release');
      this.notSubscribedSince = null;
      return this.wakeUp.wait();
    }
    if (this.subscription === null) return this.openSubscription();
    if (this.takeOverDue !== null) {
      if (this.held === null || this.isStale) await this.acquireLease(this.takeOverDue);
      this.takeOverDue = null;
      return;
    }
    if (this.inHand.length === 0 && this.buffer.isEmpty) return this.wakeUp.wait();
    const leave = await this.slots.enter();
    try {
      await this.serveNext();
    } finally {
      leave();
    }
  }

  private async serveNext(): Promise<void> {
    const { subscription } = this;
    // Much may have happened while it waited for its turn.
    if (subscription === null || this.isStopping || this.giveUpDue !== null || this.takeOverDue !== null) return;
    if (this.inHand.length === 0) {
      if (this.buffer.isEmpty) return;
      this.inHand = this.buffer.take();
      this.inHandSince = new Date();
    }
    const held = this.held === null || this.isStale ? await this.acquireLease('delivery') : this.held;
    await this.service.process(this.inHand, held, subscription, this.serving.signal);
    this.inHand = [];
  }

  private async recover(error: unknown): Promise<void> {
    const { logger } = this.deps;
    const { partition } = this;
    if (error instanceof Fenced) {
      logger.info('fenced out: somebody else owns the partition', { partition });
      this.giveUpDue ??= 'lost';
      return;
    }
    if (error instanceof OutcomeUnknown) {
      logger.warn('unknown COMMIT outcome: taking over from oneself', { partition, error });
      this.isStale = true;
      return;
    }
    // Lost while at work: what was in hand has gone back, and the next turn subscribes again.
    if (this.subscription === null && this.wantsSubscription) logger.debug('interrupted', { partition, error });
    else if (error instanceof StoreError) logger.warn('the store does not answer', { partition, error });
    else logger.warn('partition waits', { partition, error });
    await this.backoff.wait((this.subscription === null ? this.pausing : this.life).signal);
  }

  private async openSubscription(): Promise<void> {
    this.notSubscribedSince ??= this.deps.time.now();
    const life = new AbortController();
    this.subscriptionLife = life;
    this.serving = new AbortController();
    this.pausing = new AbortController();
    this.subscription = await this.deps.source.subscribe(this.partition, PREFETCH, {
      onDelivery: (delivery) => {
        if (life.signal.aborted) return;
        this.buffer.push(delivery);
        this.wakeUp.wake();
      },
      onLost: (cause) => {
        if (life.signal.aborted) return;
        this.deps.logger.info('subscription lost', { partition: this.partition, cause: cause.message });
        this.forgetSubscription(cause);
      },
    });
    // It may have been lost between opening and here.
    if (life.signal.aborted) this.subscription = null;
    else this.notSubscribedSince = null;
  }

  private forgetSubscription(cause: Error): void {
    this.subscription = null;
    this.endSubscriptionLife(cause);
    this.buffer.clear();
    this.inHand = [];
    this.isStale = true;
    this.wakeUp.wake();
  }

  private endSubscriptionLife(cause: Error): void {
    this.subscriptionLife.abort(cause);
    this.serving.abort(cause);
  }

  /** Raises the epoch; what the log holds beyond the published prefix goes out first, for the publisher goes by position. */
  private async acquireLease(why: string): Promise<PartitionLease> {
    const { partition, held: previous } = this;
    if (previous !== null && !(await previous.savePublished())) this.lost();
    this.held = null;
    await previous?.publisher.stop();
    const held = await PartitionLease.take(partition, this.deps);
    this.isStale = false;
    // Whatever was lost before is ours again.
    if (this.giveUpDue === 'lost') this.giveUpDue = null;
    this.held = held;
    this.deps.observer.tookOver(partition, why);
    this.deps.logger.info('took over', { partition, epoch: held.epoch, why, backlog: held.backlog });
    return held;
  }

  private async relinquish(how: 'release' | 'lost'): Promise<void> {
    const { held, subscription } = this;
    this.giveUpDue = null;
    this.takeOverDue = null;
    this.held = null;
    this.subscription = null;
    this.endSubscriptionLife(new Error('given back'));
    this.buffer.clear();
    this.inHand = [];
    await subscription?.close().catch((error: unknown) => this.deps.logger.debug('channel was gone', { error }));
    if (how === 'release') await held?.release();
    else await held?.publisher.stop();
  }
}
