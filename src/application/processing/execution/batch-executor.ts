/**
 * Executes one batch of a partition. If the transaction fails because of a command, the executor splits the batch until
 * that command is alone, and the quarantine deals with it (command-quarantine.ts). It does the same if the statement
 * times out while the database does other work at normal speed.
 *
 * Transient failures of the store are retried by the retrying store (retrying-store.ts).
 */

import type { BatchLease, CommandStore } from '../../ports/store/command-store.js';
import type { BatchItem } from '../../snapshot/batch-item.js';
import { isSuspect } from '../delivery-buffer.js';
import {
  type BatchPart,
  type BatchTransactionDeps,
  type ExecutedBatch,
  transact,
  transactOne,
} from './batch-transaction.js';
import { CommandQuarantine, commandKey, isInterruption } from './command-quarantine.js';
import { RetryingStore, type RetryingStoreDeps, TooMuchWork } from './retrying-store.js';

export interface BatchExecutorDeps extends RetryingStoreDeps, BatchTransactionDeps {
  maxCommandAttempts: number;
}

/**
 * A whole batch may time out this many times before the executor checks if its commands are too expensive. For a part
 * of a batch the first timeout is checked.
 */
export const BATCH_TIMEOUTS_ALLOWED = 1;
const PART_TIMEOUTS_ALLOWED = 0;

/** What executes batches, for the consumers of partitions and their groups. */
export type BatchExecution = Pick<BatchExecutor, 'execute' | 'executeTogether' | 'contendedSince'>;

export class BatchExecutor {
  private readonly store: RetryingStore;
  private readonly quarantine: CommandQuarantine;

  constructor(private readonly deps: BatchExecutorDeps) {
    this.store = new RetryingStore(deps);
    this.quarantine = new CommandQuarantine(this.store, deps);
  }

  /** The time since which the partition's batch has met only contention. Null if there is no contention. */
  contendedSince(partition: number): Date | null {
    return this.store.contendedSince(partition);
  }

  /** Executes batches of several partitions in one transaction, once: see `transact`. */
  executeTogether(parts: readonly BatchPart[]): Promise<ExecutedBatch[]> {
    return this.store.callOnce((store) => transact(store, parts, this.deps));
  }

  /**
   * Yields what is done, in the order of the items: the whole batch at once, unless one of its commands fails. The
   * caller must record the events of each part on the lease before it asks for the next one.
   *
   * Rejects with `Fenced`, `OutcomeUnknown`, or the signal's reason. All other errors are retried or reported in the
   * results.
   */
  async *execute({ items, lease }: BatchPart, signal: AbortSignal): AsyncGenerator<ExecutedBatch, void> {
    const poison: string[] = [];
    for await (const executed of this.inParts(items, lease, signal, BATCH_TIMEOUTS_ALLOWED)) {
      for (const { item, result } of executed.results) if (result.kind === 'poison') poison.push(commandKey(item));
      yield executed;
    }
    // Attempts are cleared only when all items are done. If the next item kills the worker, this poison command stays
    // on record.
    await this.quarantine.clear(lease.partition, poison, signal);
  }

  private async *inParts(
    items: readonly BatchItem[],
    lease: BatchLease,
    signal: AbortSignal,
    timeoutsAllowed: number,
  ): AsyncGenerator<ExecutedBatch, void> {
    const [first] = items;
    if (first === undefined) return;
    const { partition } = lease;
    const suspects = isSuspect(first.delivery) ? [...new Set(items.map(commandKey))] : [];
    const known = await this.quarantine.note(partition, suspects, signal);
    if (known.size > 0) {
      yield* this.withKnownAlone(items, known, lease, signal, timeoutsAllowed);
      return;
    }
    let executed: ExecutedBatch;
    try {
      executed = await this.store.callWithRetry(
        (store: CommandStore) => transactOne(store, { items, lease }, this.deps),
        {
          ...{ partition, signal, timeoutsAllowed },
        },
      );
    } catch (error) {
      // The attempt failed, but it did not kill the worker.
      await this.quarantine.tryClear(partition, suspects);
      if (isInterruption(error, signal)) throw error;
      // The retrying store has already counted a timeout.
      if (!(error instanceof TooMuchWork)) this.deps.observer.transactionFailed('refused');
      if (items.length === 1) yield* this.quarantine.executeAlone(first, lease, signal, { error });
      else yield* this.inHalves(items, lease, signal, error);
      return;
    }
    yield executed;
    await this.quarantine.clear(partition, suspects, signal);
  }

  /**
   * Executes each known suspect alone and the other items together, in order. `known` maps a command key to its number
   * of attempts alone.
   */
  private async *withKnownAlone(
    items: readonly BatchItem[],
    known: ReadonlyMap<string, number>,
    lease: BatchLease,
    signal: AbortSignal,
    timeoutsAllowed: number,
  ): AsyncGenerator<ExecutedBatch, void> {
    for (const part of partsOf(items, (item) => known.has(commandKey(item)))) {
      const [first] = part as [BatchItem];
      const attempts = known.get(commandKey(first));
      if (attempts === undefined) yield* this.inParts(part, lease, signal, timeoutsAllowed);
      else yield* this.quarantine.executeAlone(first, lease, signal, { attempts });
    }
  }

  /** `error` is the failure of the whole batch. */
  private async *inHalves(
    items: readonly BatchItem[],
    lease: BatchLease,
    signal: AbortSignal,
    error: unknown,
  ): AsyncGenerator<ExecutedBatch, void> {
    this.deps.logger.warn('batch split to isolate a failing command', { commands: items.length, error });
    const half = Math.ceil(items.length / 2);
    yield* this.inParts(items.slice(0, half), lease, signal, PART_TIMEOUTS_ALLOWED);
    yield* this.inParts(items.slice(half), lease, signal, PART_TIMEOUTS_ALLOWED);
  }
}

/** Splits the items into parts, in order. Each item for which `isAlone` is true gets its own part. */
function partsOf(items: readonly BatchItem[], isAlone: (item: BatchItem) => boolean): BatchItem[][] {
  const parts: BatchItem[][] = [];
  let wasAlone = true;
  for (const item of items) {
    const last = parts.at(-1);
    if (last === undefined || wasAlone || isAlone(item)) parts.push([item]);
    else last.push(item);
    wasAlone = isAlone(item);
  }
  return parts;
}
