/**
 * Processes one batch of a partition, from its deliveries to its acknowledgement. Receipts and the acknowledgement
 * follow the commit. Before the acknowledgement, the processor publishes with confirms what the transaction could not
 * take: dead letters, and commands of chats that belong to another partition.
 */

import { isCommandType } from '../../contract/messages/commands.js';
import { COMMAND_ID_PATTERN } from '../../contract/messages/identifiers.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { PartitionLease } from '../cluster/partition-lease.js';
import { acceptedReceipt } from '../idempotency/accepted-receipt.js';
import type { Quotas } from '../ports/quotas.js';
import type {
  CommandSource,
  DeadLetterReason,
  DeadLetters,
  Delivery,
  ReceiptSender,
  Subscription,
} from '../ports/transport/transport.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import { Backoff } from '../runtime/backoff.js';
import type { Failpoints } from '../runtime/failpoints.js';
import type { Time } from '../runtime/time.js';
import { traceContextOf, traceIdOf } from '../runtime/trace-context.js';
import type { BatchItem } from '../snapshot/batch-item.js';
import { affectedChatIds } from './affected-chat-ids.js';
import type { CommandResult, ExecutedBatch } from './execution/batch-transaction.js';
import type { Seat } from './execution/group-commit.js';
import { RateLimiter } from './rate-limiter.js';
import { type CommandReader, type MalformedCommand, type RefusedCommand, readCommands } from './read-commands.js';

export interface BatchProcessorDeps {
  source: Pick<CommandSource, 'reroute' | 'forward'>;
  /** The number of partitions. A chat's partition must be below it. */
  partitions: number;
  receipts: ReceiptSender;
  deadLetters: DeadLetters;
  reader: CommandReader;
  quotas: Quotas;
  observer: WorkerObserver;
  logger: WorkerLog;
  time: Time;
  steps?: Failpoints | undefined;
}

/**
 * Misrouted commands are counted one by one but logged at most this often: with a wrong routing they are most of the
 * traffic.
 */
export const FORWARDED_LOG_INTERVAL_MS = 10_000;

/** Metric label for commands that could not be read. */
const UNREAD = 'unread';

interface PendingReceipt {
  delivery: Delivery;
  label: string;
  receipt: Receipt;
}

export class BatchProcessor {
  private readonly rateLimiter: RateLimiter;
  /** Forwarded commands that are not in the log yet, and the time of the last log message about them. */
  private readonly forwarded = { unlogged: 0, loggedAt: Number.NEGATIVE_INFINITY };

  constructor(
    private readonly partition: number,
    private readonly deps: BatchProcessorDeps,
  ) {
    this.rateLimiter = new RateLimiter(deps.quotas, deps.time);
  }

  /**
   * Processes the deliveries and acknowledges them at the end. Rejects with the errors of `Seat.execute` or with
   * the signal's reason; then nothing is acknowledged.
   */
  async process(
    deliveries: readonly Delivery[],
    lease: PartitionLease,
    seat: Seat,
    subscription: Subscription,
    signal: AbortSignal,
  ): Promise<void> {
    const { partition } = this;
    const { reader, observer, steps, time } = this.deps;
    const last = deliveries.at(-1);
    if (last === undefined) return;
    const at = { partition, count: deliveries.length, published: () => lease.publisher.drained() };
    await steps?.reached('received', at);
    const began = time.elapsedMs();
    const { items, refused, malformed } = await readCommands(partition, deliveries, reader, (commands) =>
      this.rateLimiter.reserve(commands, lease.epoch),
    );
    const read = time.elapsedMs();
    observer.stageTook('decode', read - began);
    lease.publisher.expect(affectedChatIds(items));
    const results = await this.execute(items, lease, seat, signal);
    if (items.length > 0) {
      observer.stageTook('transaction', time.elapsedMs() - read);
      observer.batchCommitted(items.length);
    }
    this.sendReceipts(results, refused);
    await steps?.reached('receipted', at);
    await this.settleUnprocessable(malformed, results, signal);
    await steps?.reached('acknowledging', at);
    subscription.acknowledgeThrough(last.tag);
    await steps?.reached('acknowledged', at);
  }

  /** Records each commit on the lease as soon as it is known, so that its events are published. */
  private async execute(
    items: readonly BatchItem[],
    lease: PartitionLease,
    seat: Seat,
    signal: AbortSignal,
  ): Promise<CommandResult[]> {
    const { steps } = this.deps;
    const executed: ExecutedBatch[] = [];
    try {
      for await (const part of seat.execute({ items, lease }, signal)) {
        steps?.reachedSync('committed', { partition: this.partition, count: items.length });
        lease.recordCommit(part.events);
        executed.push(part);
      }
    } finally {
      await this.rateLimiter.settle(executed);
    }
    return executed.flatMap(({ results }) => results);
  }

  /** Sends the receipts in the order of the deliveries. */
  private sendReceipts(results: readonly CommandResult[], refused: readonly RefusedCommand[]): void {
    const answers: PendingReceipt[] = [];
    for (const { item, result } of results)
      if (result.kind === 'answered') {
        // Unknown command types share one label: a value that a producer chooses must not become a metric label.
        const label = item.decoded.outcome === 'command' ? result.receipt.type : UNREAD;
        answers.push({ delivery: item.delivery, label, receipt: result.receipt });
      }
    if (refused.length > 0) {
      const at = this.deps.time.now().toISOString();
      for (const { delivery, identity, reason } of refused) {
        const label = isCommandType(identity.type) ? identity.type : UNREAD;
        const receipt = acceptedReceipt(identity, at);
        receipt.status = 'rejected';
        receipt.reason = reason;
        answers.push({ delivery, label, receipt });
      }
      if (results.length > 0) answers.sort((one, other) => one.delivery.tag - other.delivery.tag);
    }
    for (const { delivery, label, receipt } of answers) {
      const { status, reason, replayed, commandId } = receipt;
      this.deps.observer.commandAnswered(label, status, reason?.code ?? null, replayed);
      const { replyTo, correlationId } = delivery.incoming;
      if (replyTo !== undefined) this.deps.receipts.send(replyTo, correlationId ?? commandId, receipt);
    }
  }

  /** Dead-letters, forwards or reroutes what the transaction could not take, before the batch is acknowledged. */
  private async settleUnprocessable(
    malformed: readonly MalformedCommand[],
    results: readonly CommandResult[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const { delivery, detail } of malformed) await this.deadLetter(delivery, 'malformed', detail, signal);
    for (const { item, result } of results) {
      if (result.kind === 'poison') await this.deadLetter(item.delivery, 'poison', result.detail, signal);
      else if (result.kind === 'misrouted') await this.forward(item.delivery, result.home, signal);
      else if (result.kind === 'reroute') await this.reroute(item.delivery, signal);
    }
  }

  /**
   * Sends a misplaced command through the transport's routing again. If its headers cannot be encoded again, the
   * command is dead-lettered.
   */
  private async reroute(delivery: Delivery, signal: AbortSignal): Promise<void> {
    if (await this.republish(() => this.deps.source.reroute(delivery), signal)) this.deps.observer.rerouted();
    else await this.deadLetter(delivery, 'misrouted', 'came to the wrong queue and cannot be sent on', signal);
  }

  /**
   * Publishes a command to the queue of the partition that its chat belongs to. Commands are published one by one, so
   * that a chat's commands keep their order. A command is forwarded only once: otherwise it could circle between
   * partitions.
   */
  private async forward(delivery: Delivery, home: number, signal: AbortSignal): Promise<void> {
    const deadLetterAs = (detail: string) => this.deadLetter(delivery, 'misrouted', detail, signal);
    if (home < 0 || home >= this.deps.partitions)
      return deadLetterAs(`belongs to partition ${home}, which does not exist`);
    if (delivery.isForwarded) return deadLetterAs(`belongs to partition ${home}, and came to a wrong one twice`);
    if (!(await this.republish(() => this.deps.source.forward(delivery, home), signal)))
      return deadLetterAs(`belongs to partition ${home}, and cannot be sent on`);
    this.deps.observer.forwarded();
    this.logForwarded(home);
  }

  private logForwarded(home: number): void {
    const { logger, time } = this.deps;
    this.forwarded.unlogged += 1;
    const now = time.elapsedMs();
    if (now - this.forwarded.loggedAt < FORWARDED_LOG_INTERVAL_MS) return;
    const { unlogged: count } = this.forwarded;
    logger.warn('misrouted commands forwarded to their partition; see parley topology --check', {
      ...{ partition: this.partition, home, count },
    });
    this.forwarded.unlogged = 0;
    this.forwarded.loggedAt = now;
  }

  /** Resolves with true when the broker has confirmed. Resolves with false if the headers cannot be encoded again. */
  private async republish(publish: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    let isWritable = true;
    await this.untilConfirmed(async () => {
      try {
        await publish();
      } catch (error) {
        if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
        isWritable = false;
      }
    }, signal);
    return isWritable;
  }

  private async deadLetter(
    delivery: Delivery,
    reason: DeadLetterReason,
    detail: string,
    signal: AbortSignal,
  ): Promise<void> {
    await this.untilConfirmed(() => this.deps.deadLetters.deadLetter(delivery, reason, detail), signal);
    this.deps.observer.deadLettered(reason);
    const { messageId, headers } = delivery.incoming;
    const commandId = messageId !== undefined && COMMAND_ID_PATTERN.test(messageId) ? messageId : null;
    const traceId = traceIdOf(traceContextOf(headers));
    this.deps.logger.warn('command dead-lettered', { partition: this.partition, reason, detail, commandId, traceId });
  }

  private async untilConfirmed(put: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(this.deps.time);
    for (;;) {
      try {
        return await put();
      } catch (error) {
        this.deps.logger.warn('publish not confirmed; retrying', { partition: this.partition, error });
        await backoff.wait(signal);
        signal.throwIfAborted();
      }
    }
  }
}
