/**
 * One partition in this worker: subscribed to its queue, and, while it owns the partition, its only writer.
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

import { COMMAND_ID_PATTERN } from '../../contract/identifiers.js';
import type { Receipt } from '../../contract/receipts.js';
import { identityOf } from '../batch/batch-item.js';
import { traceContextOf, traceIdOf } from '../batch/trace-context.js';
import { StoreError } from '../ports/command-store.js';
import type { PartitionRegistry } from '../ports/partition-registry.js';
import type {
  CommandSource,
  DeadLetterReason,
  DeadLetters,
  Delivery,
  ReceiptSender,
  Subscription,
} from '../ports/transport.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import { Backoff, pause } from './backoff.js';
import { type BatchRunner, Fenced, type Holding, OutcomeUnknown, type RunResult } from './batch-runner.js';
import { BATCH_MAX_COMMANDS, DeliveryBuffer } from './delivery-buffer.js';
import { EventPublisher, type PublisherDeps } from './event-publisher.js';
import { type CommandReader, type MalformedCommand, readCommands } from './read-commands.js';
import type { StepListener } from './steps.js';
import { WakeUp } from './wake-up.js';

/** Two batches: one in the transaction, one gathering meanwhile. */
export const PREFETCH = 2 * BATCH_MAX_COMMANDS;
/** How long a release waits for the confirms of what is published already. */
export const RELEASE_DRAIN_MS = 2_000;
/** How long a stop waits for the batch in hand when the store does not answer. */
export const STOP_IN_HAND_MS = 5_000;

export interface PartitionOwnerDeps {
  workerId: string;
  registry: PartitionRegistry;
  source: CommandSource;
  receipts: ReceiptSender;
  deadLetters: DeadLetters;
  runner: BatchRunner;
  reader: CommandReader;
  publisher: PublisherDeps;
  observer: WorkerObserver;
  logger: WorkerLog;
  steps?: StepListener | undefined;
}

interface Held {
  epoch: number;
  publisher: EventPublisher;
  savedThrough: number;
}

export interface PartitionStatus {
  partition: number;
  /** The epoch under which it is served here; null: not the owner. */
  epoch: number | null;
  isSubscribed: boolean;
  unpublished: number;
  obstacle: string | null;
}

export class PartitionOwner {
  private readonly buffer = new DeliveryBuffer();
  private inHand: Delivery[] = [];
  private subscription: Subscription | null = null;
  private subscriptionLife = new AbortController();
  private held: Held | null = null;
  /** The subscription has changed since the take-over: what is held must be read again before serving. */
  private isStale = false;
  private wantsSubscription = false;
  private takeOverDue: string | null = null;
  private giveUpDue: 'release' | 'lost' | null = null;
  private isStopping = false;
  private readonly life = new AbortController();
  private readonly wakeUp = new WakeUp();
  private readonly backoff = new Backoff();
  private readonly running: Promise<void>;

  constructor(
    readonly partition: number,
    private readonly deps: PartitionOwnerDeps,
  ) {
    this.running = this.run();
  }

  get status(): PartitionStatus {
    const { partition, held, subscription } = this;
    return {
      partition,
      epoch: held?.epoch ?? null,
      isSubscribed: subscription !== null,
      unpublished: held?.publisher.unpublished ?? 0,
      obstacle: held?.publisher.obstacle ?? null,
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

  /** Saves how far the log is published, if it has moved since. */
  async saveProgress(): Promise<void> {
    const { held } = this;
    if (held === null || held.publisher.publishedThrough <= held.savedThrough) return;
    const through = held.publisher.publishedThrough;
    if (await this.deps.registry.savePublished(this.partition, held.epoch, through)) held.savedThrough = through;
    else if (this.held === held) this.lost();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.wakeUp.wake();
    const deadline = setTimeout(() => this.life.abort(new Error('stopping')), STOP_IN_HAND_MS);
    await this.running;
    clearTimeout(deadline);
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
    await this.giveUp('release').catch((error: unknown) =>
      this.deps.logger.warn('partition not released in good order', { partition: this.partition, error }),
    );
  }

  private async turn(): Promise<void> {
    if (this.giveUpDue !== null) return this.giveUp(this.giveUpDue);
    if (!this.wantsSubscription) {
      if (this.subscription !== null || this.held !== null) return this.giveUp('release');
      return this.wakeUp.wait();
    }
    if (this.subscription === null) return this.openSubscription();
    if (this.takeOverDue !== null) {
      if (this.held === null || this.isStale) await this.becomeOwner(this.takeOverDue);
      this.takeOverDue = null;
      return;
    }
    if (this.inHand.length === 0) {
      if (this.buffer.isEmpty) return this.wakeUp.wait();
      this.inHand = this.buffer.take();
    }
    const held = this.held === null || this.isStale ? await this.becomeOwner('delivery') : this.held;
    await this.serve(this.inHand, held, this.subscription);
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
    await this.backoff.wait(this.life.signal);
  }

  private async openSubscription(): Promise<void> {
    const life = new AbortController();
    this.subscriptionLife = life;
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
  }

  private forgetSubscription(cause: Error): void {
    this.subscription = null;
    this.subscriptionLife.abort(cause);
    this.buffer.clear();
    this.inHand = [];
    this.isStale = true;
    this.wakeUp.wake();
  }

  /** Raises the epoch; what the log holds beyond the published prefix goes out first, for the publisher goes by position. */
  private async becomeOwner(why: string): Promise<Held> {
    await this.saveProgress();
    const previous = this.held;
    this.held = null;
    await previous?.publisher.stop();
    const ownership = await this.deps.registry.takeOver(this.partition, this.deps.workerId);
    const { epoch, publishedThrough, position } = ownership;
    this.isStale = false;
    // Whatever was lost before is ours again.
    if (this.giveUpDue === 'lost') this.giveUpDue = null;
    this.held = {
      epoch,
      savedThrough: publishedThrough,
      publisher: new EventPublisher(this.partition, this.deps.publisher, ownership),
    };
    this.deps.observer.tookOver(this.partition, why);
    this.deps.logger.info('took over', { partition: this.partition, epoch, why, backlog: position - publishedThrough });
    return this.held;
  }

  private async giveUp(how: 'release' | 'lost'): Promise<void> {
    const { partition, held, subscription } = this;
    this.giveUpDue = null;
    this.takeOverDue = null;
    this.held = null;
    this.subscription = null;
    this.subscriptionLife.abort(new Error('given back'));
    this.buffer.clear();
    this.inHand = [];
    await subscription?.close().catch((error: unknown) => this.deps.logger.debug('channel was gone', { error }));
    if (held === null) return;
    if (how === 'release') {
      const deadline = new AbortController();
      const drained = held.publisher.drained();
      await Promise.race([drained, pause(RELEASE_DRAIN_MS, deadline.signal)]);
      deadline.abort();
    }
    await held.publisher.stop();
    if (how === 'lost') return;
    await this.deps.registry.savePublished(partition, held.epoch, held.publisher.publishedThrough);
    await this.deps.registry.release(partition, held.epoch);
    this.deps.logger.info('released', { partition, epoch: held.epoch });
  }

  private async serve(deliveries: readonly Delivery[], held: Held, subscription: Subscription): Promise<void> {
    const { partition } = this;
    const { reader, runner, observer, steps, registry } = this.deps;
    const [first] = deliveries;
    const last = deliveries.at(-1);
    if (first === undefined || last === undefined) return;
    if (first.ringMarker !== null) {
      await registry.sawRingMarker(partition, held.epoch, first.ringMarker);
      // Fenced out, it was not noted, and without it the ring would stay unsettled here for ever: it is for the next owner to meet.
      const { publishedThrough } = held.publisher;
      if (!(await registry.savePublished(partition, held.epoch, publishedThrough))) throw new Fenced(partition);
      subscription.acknowledgeThrough(first.tag);
      return;
    }
    const signal = AbortSignal.any([this.subscriptionLife.signal, this.life.signal]);
    const at = { partition, commands: deliveries.length, published: () => held.publisher.drained() };
    await steps?.reached('received', at);
    const began = performance.now();
    const { items, malformed } = await readCommands(deliveries, reader);
    const read = performance.now();
    observer.stageTook('decode', read - began);
    const holding: Holding = {
      partition,
      epoch: held.epoch,
      publishedThrough: () => held.publisher.publishedThrough,
      decided: () => steps?.reachedSync('decided', at),
      committed: (events) => {
        steps?.reachedSync('committed', at);
        held.publisher.append(events);
      },
    };
    const results = await runner.run(items, holding, signal);
    observer.stageTook('transaction', performance.now() - read);
    observer.batchCommitted(items.length);
    for (const { item, result } of results) if (result.kind === 'answered') this.answer(item, result.receipt);
    await steps?.reached('receipted', at);
    await this.putAside(malformed, results, signal);
    await steps?.reached('acknowledging', at);
    subscription.acknowledgeThrough(last.tag);
    await steps?.reached('acknowledged', at);
  }

  private answer(item: RunResult['item'], receipt: Receipt): void {
    const { replyTo, correlationId } = item.delivery.incoming;
    const { type, status, reason, replayed } = receipt;
    // An unknown type is told as such: what a producer makes up must not become a label.
    this.deps.observer.commandAnswered(
      item.decoded.outcome === 'command' ? type : 'unread',
      status,
      reason?.code ?? null,
      replayed,
    );
    if (replyTo !== undefined) this.deps.receipts.send(replyTo, correlationId ?? identityOf(item).commandId, receipt);
  }

  /** What is not for this transaction goes to the dead letters, or back through the hash exchange, before anything is acknowledged. */
  private async putAside(
    malformed: readonly MalformedCommand[],
    results: readonly RunResult[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const { delivery, detail } of malformed) await this.bury(delivery, 'malformed', detail, signal);
    for (const { item, result } of results) {
      if (result.kind === 'poison') await this.bury(item.delivery, 'poison', result.detail, signal);
      else if (result.kind === 'misrouted')
        await this.bury(item.delivery, 'misrouted', `belongs to partition ${result.home}`, signal);
      else if (result.kind === 'astray') await this.reroute(item.delivery, signal);
    }
  }

  /** Sends on what came to the wrong queue; what cannot be written to the wire again, headers and all, is put away instead. */
  private async reroute(delivery: Delivery, signal: AbortSignal): Promise<void> {
    let unwritable: Error | null = null;
    await this.untilTaken(async () => {
      try {
        await this.deps.source.reroute(delivery);
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
        unwritable = error;
      }
    }, signal);
    if (unwritable === null) this.deps.observer.rerouted();
    else await this.bury(delivery, 'misrouted', 'came to the wrong queue and cannot be sent on', signal);
  }

  private async bury(delivery: Delivery, reason: DeadLetterReason, detail: string, signal: AbortSignal): Promise<void> {
    await this.untilTaken(() => this.deps.deadLetters.bury(delivery, reason, detail), signal);
    this.deps.observer.deadLettered(reason);
    const { messageId, headers } = delivery.incoming;
    const commandId = messageId !== undefined && COMMAND_ID_PATTERN.test(messageId) ? messageId : null;
    const traceId = traceIdOf(traceContextOf(headers));
    this.deps.logger.warn('dead-lettered', { partition: this.partition, reason, detail, commandId, traceId });
  }

  private async untilTaken(put: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    for (;;) {
      try {
        return await put();
      } catch (error) {
        this.deps.logger.warn('the broker did not take it; trying again', { partition: this.partition, error });
        await backoff.wait(signal);
        signal.throwIfAborted();
      }
    }
  }
}
