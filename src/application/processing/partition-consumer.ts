/**
 * Consumes one partition: subscribes to its queue and, while it has the lease, is the partition's only writer.
 * consumer-state.ts has the states. The processor (batch-processor.ts) handles each batch.
 *
 * The broker does not tell a consumer that it has become the active one, so the first delivery does. The broker's
 * single active consumer and the epoch are the safety net: a worker without the lease is fenced out by the partition's
 * row and closes its channel, and the broker requeues all unacknowledged deliveries.
 *
 * All steps run in one loop, so that no two steps overlap. Outside of it, the coordinator says what it wants (`goal`,
 * `due`), and the broker delivers, or ends the subscription.
 */

import { PartitionLease, type PartitionLeaseDeps } from '../cluster/partition-lease.js';
import { StoreError } from '../ports/store/command-store.js';
import type { CommandSource } from '../ports/transport/transport.js';
import { Backoff } from '../runtime/backoff.js';
import { Signal } from '../runtime/signal.js';
import { BatchProcessor, type BatchProcessorDeps } from './batch-processor.js';
import { AWAY, type Change, type ConsumerState, nextState, type Subscribed } from './consumer-state.js';
import { BATCH_MAX_COMMANDS, type BatchSize, DeliveryBuffer, sizeOf } from './delivery-buffer.js';
import type { BatchExecution } from './execution/batch-executor.js';
import { Fenced } from './execution/batch-transaction.js';
import type { GroupCommit, Seat } from './execution/group-commit.js';
import { OutcomeUnknown } from './execution/retrying-store.js';

/** Two batches: one in the transaction, one that gathers meanwhile. */
export const PREFETCH = 2 * BATCH_MAX_COMMANDS;
/** Maximum time that a stop waits for the current batch when the store does not answer. */
export const STOP_BATCH_MS = 5_000;

export interface PartitionConsumerDeps extends BatchProcessorDeps, PartitionLeaseDeps {
  source: CommandSource;
  executor: BatchExecution;
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

/** What the coordinator wants in the long run. `stopped` is final. */
type Goal = 'nothing' | 'subscription' | 'stopped';

/** What is to be done before the next batch. The second replaces the first, and a release replaces a loss. */
type Due = { kind: 'acquire'; why: string } | { kind: 'relinquish'; how: 'lost' | 'released' };

export class PartitionConsumer {
  private state: ConsumerState = AWAY;
  private goal: Goal = 'nothing';
  private due: Due | null = null;
  private readonly processor: BatchProcessor;
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
    const { partition, state, goal } = this;
    const publisher = state.lease?.publisher;
    return {
      partition,
      epoch: state.lease?.epoch ?? null,
      isSubscribed: state.kind !== 'away',
      notSubscribedSince: state.kind === 'away' && goal === 'subscription' ? (state.attempt?.since ?? null) : null,
      unpublished: publisher?.unpublished ?? 0,
      unpublishedSince: publisher?.waitingSince ?? null,
      obstacle: publisher?.obstacle ?? null,
      batchSince: state.kind === 'away' ? null : (state.batch?.since ?? null),
      contendedSince: this.deps.executor.contendedSince(partition),
    };
  }

  get hasLease(): boolean {
    return this.state.lease !== null;
  }

  /** Subscribes to the partition's queue and waits to become its active consumer. */
  subscribe(): void {
    this.want('subscription', this.due);
  }

  /** Subscribes and acquires the lease. If this worker has the lease already, it acquires it once more. */
  acquire(why: string): void {
    this.change({ kind: 'lease in doubt', recovery: null });
    this.want('subscription', this.due ?? { kind: 'acquire', why });
  }

  /** Finishes the current batch, returns the other deliveries to the broker, and releases the lease. */
  release(): void {
    this.want('nothing', { kind: 'relinquish', how: 'released' });
  }

  /** Another worker has the lease now. */
  leaseLost(): void {
    this.want(this.goal, this.due?.kind === 'relinquish' ? this.due : { kind: 'relinquish', how: 'lost' });
  }

  /** The broker accepts subscriptions again, so the pause before the next attempt ends. */
  brokerReconnected(): void {
    if (this.state.kind === 'away') this.state.attempt?.pause.abort();
  }

  /** Called periodically: saves the published position if it has moved. */
  async saveProgress(): Promise<void> {
    const { lease } = this.state;
    if (lease === null || (await lease.saveProgress())) return;
    if (this.state.lease === lease) this.leaseLost();
  }

  async stop(): Promise<void> {
    this.want('stopped', this.due);
    const stopped = new AbortController();
    void this.deps.time.pause(STOP_BATCH_MS, stopped.signal).then(() => this.waiting?.abort(new Error('stopping')));
    await this.running;
    stopped.abort();
  }

  private want(goal: Goal, due: Due | null): void {
    if (this.goal !== 'stopped') this.goal = goal;
    this.due = due;
    this.changed.wake();
  }

  private change(change: Change): void {
    this.state = nextState(this.state, change);
  }

  /** Ends the work on the batch, and the pause before the next attempt. */
  private get waiting(): AbortController | undefined {
    return this.state.kind === 'away' ? this.state.attempt?.pause : this.state.session.life;
  }

  private async run(): Promise<void> {
    while (this.goal !== 'stopped') {
      try {
        await this.turn();
        this.backoff.reset();
      } catch (error) {
        await this.recover(error);
      }
    }
    await this.relinquish('released').catch((error: unknown) =>
      this.deps.logger.warn('lease not released', { partition: this.partition, error }),
    );
  }

  private async turn(): Promise<void> {
    const { state, goal, due } = this;
    if (due?.kind === 'relinquish') return this.relinquish(due.how);
    if (state.kind === 'away') return goal === 'subscription' ? this.subscribeNow() : this.changed.wait();
    if (due !== null) {
      if (state.kind === 'subscribed') await this.acquireLease(state, due.why);
      if (this.due === due) this.due = null;
      return;
    }
    if (this.nextSize.commands === 0) return this.changed.wait();
    const seat = await this.groups.enter(this.partition, () => this.nextSize);
    try {
      await this.processNext(seat);
    } finally {
      seat.leave();
    }
  }

  /** The size of the current batch, or of the next one. */
  private get nextSize(): BatchSize {
    const { state } = this;
    if (state.kind === 'away') return sizeOf([]);
    return state.batch === null ? state.session.buffer.nextSize : sizeOf(state.batch.deliveries);
  }

  private async processNext(seat: Seat): Promise<void> {
    // The state may have changed while the consumer waited for its seat.
    if (this.goal === 'stopped' || this.due !== null || this.nextSize.commands === 0) return;
    if (this.state.kind !== 'away' && this.state.batch === null) {
      const deliveries = this.state.session.buffer.take();
      this.change({ kind: 'batch taken', batch: { deliveries, since: new Date() } });
    }
    if (this.state.kind === 'subscribed') await this.acquireLease(this.state, 'delivery');
    const { state } = this;
    if (state.kind !== 'leased' || state.batch === null) return;
    await this.processor.process(state.batch.deliveries, state.lease, seat, state.session);
    this.change({ kind: 'batch acknowledged' });
  }

  private async recover(error: unknown): Promise<void> {
    const { logger } = this.deps;
    const { partition, state } = this;
    if (error instanceof Fenced) {
      logger.info('lease lost', { partition });
      this.leaseLost();
      return;
    }
    if (error instanceof OutcomeUnknown) {
      logger.warn('commit outcome unknown; re-acquiring the lease', { partition, error });
      this.change({ kind: 'lease in doubt', recovery: error.recovery ?? state.lease?.recovery() ?? null });
      return;
    }
    // The subscription was lost during the work. The broker has requeued the batch, and the next turn subscribes again.
    if (state.kind === 'away' && this.goal !== 'nothing') logger.debug('batch interrupted', { partition, error });
    else if (error instanceof StoreError) logger.warn('store unavailable', { partition, error });
    else logger.warn('processing failed; retrying', { partition, error });
    if (this.waiting !== undefined) await this.backoff.wait(this.waiting.signal);
  }

  private async subscribeNow(): Promise<void> {
    this.change({ kind: 'subscribing', at: this.deps.time.now() });
    const [buffer, life] = [new DeliveryBuffer(), new AbortController()];
    const subscription = await this.deps.source.subscribe(this.partition, PREFETCH, {
      onDelivery: (delivery) => {
        if (life.signal.aborted) return;
        buffer.push(delivery);
        this.changed.wake();
      },
      onLost: (cause) => {
        if (life.signal.aborted) return;
        this.deps.logger.info('subscription lost', { partition: this.partition, cause: cause.message });
        life.abort(cause);
        this.change({ kind: 'subscription lost' });
        this.changed.wake();
      },
    });
    // The subscription may have been lost right after it was opened.
    if (!life.signal.aborted) this.change({ kind: 'subscribed', session: { subscription, buffer, life } });
  }

  /** Raises the epoch. Committed but unpublished events go out first, because the publisher works in log order. */
  private async acquireLease({ lease: earlier, recovery }: Subscribed, why: string): Promise<void> {
    const { partition, deps } = this;
    await earlier?.end('renewed');
    this.change({ kind: 'lease ended' });
    const lease = await PartitionLease.acquire(partition, deps, recovery);
    if (lease === null) throw new Fenced([partition]);
    this.change({ kind: 'lease acquired', lease });
    // An earlier loss is void: this worker has the lease again.
    if (this.due?.kind === 'relinquish' && this.due.how === 'lost') this.due = null;
    deps.observer.leaseAcquired(partition, why);
    deps.logger.info('lease acquired', { partition, epoch: lease.epoch, why, backlog: lease.backlog });
  }

  private async relinquish(how: 'lost' | 'released'): Promise<void> {
    const { state } = this;
    this.due = null;
    this.change({ kind: 'relinquished' });
    if (state.kind !== 'away') {
      state.session.life.abort(new Error('lease relinquished'));
      await state.session.subscription
        .close()
        .catch((error: unknown) => this.deps.logger.debug('channel already closed', { error }));
    }
    await state.lease?.end(how);
  }
}
