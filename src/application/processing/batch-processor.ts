/**
 * Serving a partition: one batch, from its deliveries to its acknowledgement. Receipts and the acknowledgement follow the commit; what is not for
 * this transaction is put aside, confirmed, before anything is acknowledged: dead letters, and commands of another partition's chats.
 */

import { isCommandType } from '../../contract/messages/commands.js';
import { COMMAND_ID_PATTERN } from '../../contract/messages/identifiers.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import type { ProcessingLease } from '../cluster/partition-lease.js';
import type { PartitionRegistry } from '../ports/partition-registry.js';
import type { Quotas } from '../ports/quotas.js';
import type {
  CommandSource,
  DeadLetterReason,
  DeadLetters,
  Delivery,
  ReceiptSender,
  Subscription,
} from '../ports/transport.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import { acceptedReceipt } from '../receipts/accepted-receipt.js';
import { Backoff } from '../runtime/backoff.js';
import type { Failpoints } from '../runtime/failpoints.js';
import type { Time } from '../runtime/time.js';
import { traceContextOf, traceIdOf } from '../runtime/trace-context.js';
import type { BatchItem } from '../snapshot/batch-item.js';
import { affectedChatIds } from './affected-chat-ids.js';
import { type BatchExecutor, type ExecutionLease, Fenced, type RunResult } from './batch-executor.js';
import { RateLimiter } from './rate-limiter.js';
import { type CommandReader, type MalformedCommand, type RefusedCommand, readCommands } from './read-commands.js';

export interface BatchProcessorDeps {
  registry: Pick<PartitionRegistry, 'sawRingMarker' | 'savePublished'>;
  source: Pick<CommandSource, 'reroute' | 'sendHome'>;
  /** How many there are: a chat's home must be one of them. */
  partitions: number;
  receipts: ReceiptSender;
  deadLetters: DeadLetters;
  runner: BatchExecutor;
  reader: CommandReader;
  quotas: Quotas;
  observer: WorkerObserver;
  logger: WorkerLog;
  time: Time;
  steps?: Failpoints | undefined;
}

/** Misrouted commands are counted one by one, and told in the log at most so often: with a disordered ring they are most of the traffic. */
export const SENT_HOME_LOG_INTERVAL_MS = 10_000;

/** Stands for the types of commands that could not be read. */
const UNREAD = 'unread';

interface Answer {
  delivery: Delivery;
  label: string;
  receipt: Receipt;
}

export class BatchProcessor {
  private readonly gate: RateLimiter;
  /** Commands sent home that the log does not tell of yet, and when it told of some last. */
  private readonly sentHome = { untold: 0, toldAt: Number.NEGATIVE_INFINITY };

  constructor(
    private readonly partition: number,
    private readonly deps: BatchProcessorDeps,
  ) {
    this.gate = new RateLimiter(deps.quotas, deps.time);
  }

  /** Acknowledges at the end; rejects, with nothing acknowledged, with what `BatchRunner.run` rejects with, or with the signal's reason. */
  async process(
    deliveries: readonly Delivery[],
    held: ProcessingLease,
    subscription: Subscription,
    signal: AbortSignal,
  ): Promise<void> {
    const { partition } = this;
    const { reader, observer, steps, registry, time } = this.deps;
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
    const at = { partition, count: deliveries.length, published: () => held.publisher.drained() };
    await steps?.reached('received', at);
    const began = time.elapsedMs();
    const { items, refused, malformed } = await readCommands(deliveries, reader, (claims) =>
      this.gate.judge(claims, held.epoch),
    );
    const read = time.elapsedMs();
    observer.stageTook('decode', read - began);
    const holding: ExecutionLease = {
      partition,
      epoch: held.epoch,
      publishedThrough: () => held.publisher.publishedThrough,
      decided: () => steps?.reachedSync('decided', at),
      committed: (events) => {
        steps?.reachedSync('committed', at);
        held.hasCommitted = true;
        held.publisher.append(events);
        this.gate.committed(events);
      },
    };
    held.publisher.expect(affectedChatIds(items));
    const results = await this.runCounted(items, holding, signal);
    if (items.length > 0) {
      observer.stageTook('transaction', time.elapsedMs() - read);
      observer.batchCommitted(items.length);
    }
    this.answer(results, refused);
    await steps?.reached('receipted', at);
    await this.settleUnprocessable(malformed, results, signal);
    await steps?.reached('acknowledging', at);
    subscription.acknowledgeThrough(last.tag);
    await steps?.reached('acknowledged', at);
  }

  private async runCounted(
    items: readonly BatchItem[],
    holding: ExecutionLease,
    signal: AbortSignal,
  ): Promise<RunResult[]> {
    const results = await this.deps.runner.run(items, holding, signal).finally(() => this.gate.count());
    this.gate.learn(results);
    return results;
  }

  /** In the order in which they came. */
  private answer(results: readonly RunResult[], refused: readonly RefusedCommand[]): void {
    const answers: Answer[] = [];
    for (const { item, result } of results)
      if (result.kind === 'answered') {
        // An unknown type is told as such: what a producer makes up must not become a label.
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

  /** What is not for this transaction goes to the dead letters, or back through the hash exchange, before anything is acknowledged. */
  private async settleUnprocessable(
    malformed: readonly MalformedCommand[],
    results: readonly RunResult[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const { delivery, detail } of malformed) await this.deadLetter(delivery, 'malformed', detail, signal);
    for (const { item, result } of results) {
      if (result.kind === 'poison') await this.deadLetter(item.delivery, 'poison', result.detail, signal);
      else if (result.kind === 'misrouted') await this.sendHome(item.delivery, result.home, signal);
      else if (result.kind === 'astray') await this.reroute(item.delivery, signal);
    }
  }

  /** Sends on what came to the wrong queue; what cannot be written to the wire again, headers and all, is put away instead. */
  private async reroute(delivery: Delivery, signal: AbortSignal): Promise<void> {
    if (await this.publishAgain(() => this.deps.source.reroute(delivery), signal)) this.deps.observer.rerouted();
    else await this.deadLetter(delivery, 'misrouted', 'came to the wrong queue and cannot be sent on', signal);
  }

  /**
   * Publishes a command for another partition's chat to that partition's queue, one after the other, so that a chat's commands keep their order. Once:
   * what was sent here and is wrong here too would go in circles.
   */
  private async sendHome(delivery: Delivery, home: number, signal: AbortSignal): Promise<void> {
    const buryAs = (detail: string) => this.deadLetter(delivery, 'misrouted', detail, signal);
    if (home < 0 || home >= this.deps.partitions) return buryAs(`belongs to partition ${home}, which does not exist`);
    if (delivery.isSentHome) return buryAs(`belongs to partition ${home}, and came to a wrong one twice`);
    if (!(await this.publishAgain(() => this.deps.source.sendHome(delivery, home), signal)))
      return buryAs(`belongs to partition ${home}, and cannot be sent on`);
    this.deps.observer.sentHome();
    this.tellSentHome(home);
  }

  private tellSentHome(home: number): void {
    const { logger, time } = this.deps;
    this.sentHome.untold += 1;
    const now = time.elapsedMs();
    if (now - this.sentHome.toldAt < SENT_HOME_LOG_INTERVAL_MS) return;
    const { untold: count } = this.sentHome;
    logger.warn('misrouted commands sent to their home partition; see parley topology --check', {
      ...{ partition: this.partition, home, count },
    });
    this.sentHome.untold = 0;
    this.sentHome.toldAt = now;
  }

  /** Resolves when the broker has it. False: it cannot be written to the wire again, headers and all. */
  private async publishAgain(publish: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    let isWritable = true;
    await this.untilTaken(async () => {
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
    await this.untilTaken(() => this.deps.deadLetters.bury(delivery, reason, detail), signal);
    this.deps.observer.deadLettered(reason);
    const { messageId, headers } = delivery.incoming;
    const commandId = messageId !== undefined && COMMAND_ID_PATTERN.test(messageId) ? messageId : null;
    const traceId = traceIdOf(traceContextOf(headers));
    this.deps.logger.warn('dead-lettered', { partition: this.partition, reason, detail, commandId, traceId });
  }

  private async untilTaken(put: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(this.deps.time);
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
