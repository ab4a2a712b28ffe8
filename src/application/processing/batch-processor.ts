/**
 * Processes one batch of a partition, from its deliveries to its acknowledgement.
 *
 * ```
 *   received ──read──▶ ReadCommands ──commit──▶ Ending of each delivery ──settle──▶ settled ──▶ acknowledged
 * ```
 *
 * Each step gets what the step before returned. Only the last one acknowledges, so whatever fails before leaves the
 * batch with the broker. Receipts follow the commit. What the transaction could not take is published with confirms:
 * dead letters, and commands of chats that belong to another partition.
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
} from '../ports/transport/transport.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import { Backoff } from '../runtime/backoff.js';
import type { Failpoints } from '../runtime/failpoints.js';
import type { Time } from '../runtime/time.js';
import { traceContextOf, traceIdOf } from '../runtime/trace-context.js';
import type { BatchItem } from '../snapshot/batch-item.js';
import { affectedChatIds } from './affected-chat-ids.js';
import type { Session } from './consumer-state.js';
import type { CommandResult, ExecutedBatch } from './execution/batch-transaction.js';
import type { Seat } from './execution/group-commit.js';
import { RateLimiter } from './rate-limiter.js';
import { type CommandReader, type ReadCommands, readCommands } from './read-commands.js';

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

/** How a delivery ends, once its batch is committed. `republish` sends it to a partition, or to the routing again. */
type Ending = { delivery: Delivery } & (
  | { kind: 'answer'; label: string; receipt: Receipt }
  | { kind: 'dead letter'; reason: DeadLetterReason; detail: string }
  | { kind: 'republish'; to: number | 'routing' }
);

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
   * the reason of the session's end; then nothing is acknowledged.
   * @param deliveries at least one
   */
  async process(
    deliveries: readonly Delivery[],
    lease: PartitionLease,
    seat: Seat,
    { subscription, life: { signal } }: Session,
  ): Promise<void> {
    const { observer, steps, time } = this.deps;
    const at = { partition: this.partition, count: deliveries.length, published: () => lease.publisher.drained() };
    await steps?.reached('received', at);
    const began = time.elapsedMs();
    const read = await this.read(deliveries, lease);
    const wasRead = time.elapsedMs();
    observer.stageTook('decode', wasRead - began);
    const results = await this.commit(read.items, lease, seat, signal);
    if (results.length > 0) {
      observer.stageTook('transaction', time.elapsedMs() - wasRead);
      observer.batchCommitted(results.length);
    }
    const endings = this.endingsOf(read, results);
    for (const ending of endings) if (ending.kind === 'answer') this.answer(ending);
    await steps?.reached('receipted', at);
    for (const ending of endings) {
      if (ending.kind === 'dead letter') await this.deadLetter(ending, signal);
      else if (ending.kind === 'republish') await this.republish(ending, signal);
    }
    await steps?.reached('acknowledging', at);
    subscription.acknowledgeThrough(deliveries.at(-1)?.tag ?? 0);
    await steps?.reached('acknowledged', at);
  }

  private async read(deliveries: readonly Delivery[], lease: PartitionLease): Promise<ReadCommands> {
    const read = await readCommands(this.partition, deliveries, this.deps.reader, (commands) =>
      this.rateLimiter.reserve(commands, lease.epoch),
    );
    lease.publisher.expect(affectedChatIds(read.items));
    return read;
  }

  /** Records each commit on the lease as soon as it is known, so that its events are published. */
  private async commit(
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

  /** One for each delivery, in the order of the deliveries. */
  private endingsOf({ refused, malformed }: ReadCommands, results: readonly CommandResult[]): Ending[] {
    const endings = results.map((one) => this.endingOf(one));
    const decided = endings.length;
    if (refused.length > 0) {
      const at = this.deps.time.now().toISOString();
      for (const { delivery, identity, reason } of refused) {
        const receipt: Receipt = { ...acceptedReceipt(identity, at), status: 'rejected', reason };
        endings.push({
          kind: 'answer',
          delivery,
          label: isCommandType(identity.type) ? identity.type : UNREAD,
          receipt,
        });
      }
    }
    for (const { delivery, detail } of malformed)
      endings.push({ kind: 'dead letter', delivery, reason: 'malformed', detail });
    if (endings.length > decided) endings.sort((one, other) => one.delivery.tag - other.delivery.tag);
    return endings;
  }

  private endingOf({ item: { delivery, decoded }, result }: CommandResult): Ending {
    switch (result.kind) {
      case 'answered':
        // Unknown command types share one label: a value that a producer chooses must not become a metric label.
        return {
          ...{ kind: 'answer', delivery, receipt: result.receipt },
          label: decoded.outcome === 'command' ? result.receipt.type : UNREAD,
        };
      case 'poison':
        return { kind: 'dead letter', delivery, reason: 'poison', detail: result.detail };
      case 'reroute':
        return { kind: 'republish', delivery, to: 'routing' };
      case 'misrouted': {
        const { home } = result;
        const misrouted = (why: string): Ending => ({
          ...{ kind: 'dead letter', delivery, reason: 'misrouted' },
          detail: `belongs to partition ${home}, ${why}`,
        });
        if (home < 0 || home >= this.deps.partitions) return misrouted('which does not exist');
        // A command is forwarded only once: otherwise it could circle between partitions.
        if (delivery.isForwarded) return misrouted('and came to a wrong one twice');
        return { kind: 'republish', delivery, to: home };
      }
    }
  }

  private answer({ delivery, label, receipt }: Ending & { kind: 'answer' }): void {
    const { status, reason, replayed, commandId } = receipt;
    this.deps.observer.commandAnswered(label, status, reason?.code ?? null, replayed);
    const { replyTo, correlationId } = delivery.incoming;
    if (replyTo !== undefined) this.deps.receipts.send(replyTo, correlationId ?? commandId, receipt);
  }

  /**
   * Sends a command to the queue of the partition that its chat belongs to, or through the transport's routing again.
   * Commands are published one by one, so that a chat's commands keep their order. If the headers cannot be encoded
   * again, the command is dead-lettered.
   */
  private async republish({ delivery, to }: Ending & { kind: 'republish' }, signal: AbortSignal): Promise<void> {
    const { source, observer } = this.deps;
    const publish = async () => (to === 'routing' ? source.reroute(delivery) : source.forward(delivery, to));
    const isSent = await this.untilConfirmed(() => publish().then(() => true, unlessEncodable), signal);
    if (!isSent) {
      const why = to === 'routing' ? 'came to the wrong queue and' : `belongs to partition ${to}, and`;
      const detail = `${why} cannot be sent on`;
      return this.deadLetter({ kind: 'dead letter', delivery, reason: 'misrouted', detail }, signal);
    }
    if (to === 'routing') return observer.rerouted();
    observer.forwarded();
    this.logForwarded(to);
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

  private async deadLetter(
    { delivery, reason, detail }: Ending & { kind: 'dead letter' },
    signal: AbortSignal,
  ): Promise<void> {
    await this.untilConfirmed(() => this.deps.deadLetters.deadLetter(delivery, reason, detail), signal);
    this.deps.observer.deadLettered(reason);
    const { messageId, headers } = delivery.incoming;
    const commandId = messageId !== undefined && COMMAND_ID_PATTERN.test(messageId) ? messageId : null;
    const traceId = traceIdOf(traceContextOf(headers));
    this.deps.logger.warn('command dead-lettered', { partition: this.partition, reason, detail, commandId, traceId });
  }

  private async untilConfirmed<T>(publish: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const backoff = new Backoff(this.deps.time);
    for (;;) {
      try {
        return await publish();
      } catch (error) {
        this.deps.logger.warn('publish not confirmed; retrying', { partition: this.partition, error });
        await backoff.wait(signal);
        signal.throwIfAborted();
      }
    }
  }
}

/** False if the headers of the delivery cannot be encoded again: see `CommandSource.forward`. */
function unlessEncodable(error: unknown): false {
  if (error instanceof TypeError || error instanceof RangeError) return false;
  throw error;
}
