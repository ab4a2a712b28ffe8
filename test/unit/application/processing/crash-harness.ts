/**
 * A worker process that crashes when it decides certain commands. The deliveries of its partitions pass through the
 * real buffer and the real executor. After a crash, unacknowledged deliveries return with a higher delivery count, as
 * on the broker, and calls of the store that were in flight have no further effect.
 */
import { MemoryCommandStore } from '../../../../src/adapters/stores/memory/memory-command-store.js';
import { MemoryPartitionRegistry } from '../../../../src/adapters/stores/memory/memory-partition-registry.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import type { CommandStore } from '../../../../src/application/ports/store/command-store.js';
import type { Delivery } from '../../../../src/application/ports/transport/transport.js';
import { DeliveryBuffer } from '../../../../src/application/processing/delivery-buffer.js';
import { BatchExecutor } from '../../../../src/application/processing/execution/batch-executor.js';
import type { CommandResult } from '../../../../src/application/processing/execution/batch-transaction.js';
import { CommandDecider } from '../../../../src/application/processing/execution/command-decider.js';
import { PREFETCH } from '../../../../src/application/processing/partition-consumer.js';
import { realTime } from '../../../../src/application/runtime/time.js';
import type { Receipt } from '../../../../src/contract/messages/receipts.js';
import { collectedLog } from '../../../support/collected-log.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import { type Draft, itemOf } from '../commands/decider-harness.js';
import { MAX_COMMAND_ATTEMPTS } from './worker-harness.js';

interface Waiting {
  draft: Draft;
  deliveryCount: number;
}

const quiet = () => undefined;

class WorkerRun {
  hasEnded = false;
  private resolveEnd: () => void = quiet;
  readonly end = new Promise<void>((resolve) => {
    this.resolveEnd = resolve;
  });

  crash(): void {
    this.hasEnded = true;
    this.resolveEnd();
  }
}

export class CrashHarness {
  readonly world = new MemoryTables();
  /** The queue of each partition, in order. */
  readonly queues: Waiting[][];
  readonly deadLettered: string[] = [];
  /** The latest receipt by command id. */
  readonly answers = new Map<string, Receipt>();
  /** The command ids of each transaction, in the order of their start. */
  readonly tried: string[][] = [];
  crashes = 0;
  /** Number of calls of the store other than transactions. */
  otherCalls = 0;
  /** Whether deciding the command crashes the process. */
  isDeadly: (commandId: string) => boolean = () => false;
  /** Before a transaction with these commands. */
  before: (commandIds: readonly string[]) => Promise<void> = async () => undefined;
  private readonly store = new MemoryCommandStore(this.world);
  private readonly registry = new MemoryPartitionRegistry(this.world);

  constructor(private readonly partitions: number) {
    this.queues = Array.from({ length: partitions }, () => []);
  }

  put(partition: number, deliveryCount: number, ...drafts: Draft[]): void {
    this.queues[partition]?.push(...drafts.map((draft) => ({ draft, deliveryCount })));
  }

  /** Restarts the process after each crash until the queues are empty. Fails after more than `crashesMax` crashes. */
  async runUntilDone(crashesMax: number): Promise<void> {
    await this.registry.settle({ namespace: 'chat', partitions: this.partitions });
    while (this.queues.some(({ length }) => length > 0)) {
      if (this.crashes > crashesMax) throw new Error(`${this.crashes} crashes, and the queues are not empty`);
      await this.runOnce();
    }
  }

  private async runOnce(): Promise<void> {
    const unacknowledged = this.queues.map((queue) => queue.slice(0, PREFETCH));
    const run = new WorkerRun();
    const executor = this.executorOf(run);
    const served = unacknowledged.map((window, partition) => this.serve(executor, partition, window));
    await Promise.race([run.end, Promise.all(served)]);
    if (!run.hasEnded) return;
    this.crashes += 1;
    for (const [partition, window] of unacknowledged.entries())
      for (const waiting of window) if (this.queues[partition]?.includes(waiting)) waiting.deliveryCount += 1;
  }

  private async serve(executor: BatchExecutor, partition: number, window: readonly Waiting[]): Promise<void> {
    const { epoch } = await this.registry.acquire(partition, 'worker');
    const buffer = new DeliveryBuffer();
    const items = new Map<Delivery, ReturnType<typeof itemOf>>();
    for (const [index, { draft, deliveryCount }] of window.entries()) {
      const item = itemOf(draft, index + 1);
      const delivery = { ...item.delivery, deliveryCount };
      items.set(delivery, { ...item, partition, delivery });
      buffer.push(delivery);
    }
    const lease = { partition, epoch, publishedThrough: 0 };
    while (!buffer.isEmpty) {
      const batch = buffer.take().flatMap((delivery) => items.get(delivery) ?? []);
      const results: CommandResult[] = [];
      for await (const executed of executor.execute({ items: batch, lease }, new AbortController().signal))
        results.push(...executed.results);
      for (const { item, result } of results)
        if (result.kind === 'answered') this.answers.set(result.receipt.commandId, result.receipt);
        else this.deadLettered.push(item.delivery.incoming.messageId ?? '');
      this.queues[partition]?.splice(0, batch.length);
    }
  }

  private executorOf(run: WorkerRun): BatchExecutor {
    const decider = new CommandDecider(new PolicyEnforcementPoint(defaultPolicy()));
    const decide = decider.decide.bind(decider);
    decider.decide = (items, ...rest) => {
      if (!items.some(({ delivery }) => this.isDeadly(delivery.incoming.messageId ?? '')))
        return decide(items, ...rest);
      run.crash();
      throw new Error('the process has crashed: this error has no effect');
    };
    return new BatchExecutor({
      ...{ store: this.crashingStore(run), decider, time: realTime, maxCommandAttempts: MAX_COMMAND_ATTEMPTS },
      ...{ observer: { transactionFailed: quiet }, logger: collectedLog().logger, onStoreTrouble: quiet },
    });
  }

  /** After the crash, calls have no effect, and pending calls do not settle. */
  private crashingStore(run: WorkerRun): CommandStore {
    const { store } = this;
    const never = new Promise<never>(quiet);
    const whileAlive = async <T>(call: () => Promise<T>): Promise<T> => {
      if (run.hasEnded) return never;
      const answer = await call().catch((error: Error) => error);
      if (run.hasEnded) return never;
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const note = <T>(call: () => Promise<T>) => {
      this.otherCalls += 1;
      return whileAlive(call);
    };
    return {
      transact: (request, work) =>
        whileAlive(async () => {
          const ids = request.keys.receipts.map(({ commandId }) => commandId);
          this.tried.push(ids);
          await this.before(ids);
          return run.hasEnded ? never : store.transact(request, work);
        }),
      noteSuspects: (...args) => note(() => store.noteSuspects(...args)),
      countAttempt: (...args) => note(() => store.countAttempt(...args)),
      forgetAttempts: (...args) => note(() => store.forgetAttempts(...args)),
      probe: () => whileAlive(() => store.probe()),
      pruneReceipts: (...args) => note(() => store.pruneReceipts(...args)),
      pruneAttempts: (...args) => note(() => store.pruneAttempts(...args)),
      pruneRejectedCommands: (...args) => note(() => store.pruneRejectedCommands(...args)),
    };
  }
}
