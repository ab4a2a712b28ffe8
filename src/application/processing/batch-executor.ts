/**
 * Runs one batch of a partition through the transaction and returns the results. It also finds poison commands. If a
 * batch fails because of a command, the executor splits the batch until that command is alone. It counts the attempts
 * of that command, and in the end dead-letters it. It does the same if the statement times out while the database does
 * other work at normal speed. A command that may have killed a worker is recorded before each attempt. A command that
 * was on record when a worker died is tried alone (docs/adr/0012-suspects-are-tried-together.md).
 */

import { type CommandStore, receiptKey } from '../ports/store/command-store.js';
import type { LoggedEvent } from '../ports/store/event-log.js';
import { Backoff } from '../runtime/backoff.js';
import { traceContextOf, traceIdOf } from '../runtime/trace-context.js';
import { type BatchItem, type ItemResult, identityOf } from '../snapshot/batch-item.js';
import type { CommandDecider } from './command-decider.js';
import { isSuspect } from './delivery-buffer.js';
import {
  isTransientStoreError,
  OutcomeUnknown,
  RetryingStore,
  type RetryingStoreDeps,
  TooMuchWork,
} from './retrying-store.js';
import { snapshotKeysOf } from './snapshot-keys.js';

/** The partition lease as the executor uses it. */
export interface ExecutionLease {
  partition: number;
  epoch: number;
  publishedThrough(): number;
  /** Called inside the transaction, after deciding and before writing. */
  decided(): void;
  /** Called with the events of a committed batch, in log order. They are then published. */
  committed(events: readonly LoggedEvent[]): void;
}

export type RunResult = { item: BatchItem; result: ItemResult | { kind: 'poison'; detail: string } };

/**
 * Another worker has the lease of the partition now. The caller must close the channel, which returns all deliveries.
 */
export class Fenced extends Error {
  constructor(readonly partition: number) {
    super(`lease of partition ${partition} lost to another worker`);
    this.name = 'Fenced';
  }
}

export interface BatchExecutorDeps extends RetryingStoreDeps {
  decider: CommandDecider;
  maxCommandAttempts: number;
}

/**
 * A whole batch may time out this many times before the executor checks if its commands are too expensive. For a part
 * of a batch and for a single command the first timeout is checked.
 */
export const BATCH_TIMEOUTS_ALLOWED = 1;
const PART_TIMEOUTS_ALLOWED = 0;

function commandKey(item: BatchItem): string {
  return receiptKey(identityOf(item));
}

export class BatchExecutor {
  private readonly store: RetryingStore;

  constructor(private readonly deps: BatchExecutorDeps) {
    this.store = new RetryingStore(deps);
  }

  /** The time since which the partition's batch has met only contention. Null if there is no contention. */
  contendedSince(partition: number): Date | null {
    return this.store.contendedSince(partition);
  }

  /**
   * Rejects with `Fenced`, `OutcomeUnknown`, or the signal's reason. All other errors are retried or reported in the
   * results.
   */
  async run(items: readonly BatchItem[], lease: ExecutionLease, signal: AbortSignal): Promise<RunResult[]> {
    const results = await this.runInParts(items, lease, signal, BATCH_TIMEOUTS_ALLOWED);
    // Attempts are cleared only when all items are done. If the next item kills the worker, this poison command stays
    // on record.
    const poison = results.flatMap(({ item, result }) => (result.kind === 'poison' ? [commandKey(item)] : []));
    if (poison.length > 0) await this.clearAttempts(lease.partition, poison, signal);
    return results;
  }

  private async runInParts(
    items: readonly BatchItem[],
    lease: ExecutionLease,
    signal: AbortSignal,
    timeoutsAllowed: number,
  ): Promise<RunResult[]> {
    const [first] = items;
    if (first === undefined) return [];
    const { partition } = lease;
    const suspects = isSuspect(first.delivery) ? [...new Set(items.map(commandKey))] : [];
    if (suspects.length > 0) {
      const known = await this.store.callWithRetry((store) => store.noteSuspects(partition, suspects), {
        partition,
        signal,
      });
      if (known.size > 0) return this.runKnown(items, known, lease, signal, timeoutsAllowed);
    }
    let results: RunResult[];
    try {
      results = await this.runTogether(items, lease, signal, timeoutsAllowed);
    } catch (error) {
      // The attempt failed, but it did not kill the worker.
      if (suspects.length > 0) await this.tryClearAttempts(partition, suspects);
      if (isInterruption(error, signal)) throw error;
      // The retrying store has already counted a timeout.
      if (!(error instanceof TooMuchWork)) this.deps.observer.transactionFailed('refused');
      if (items.length === 1) return [await this.runAlone(first, lease, signal, { error })];
      return this.runHalves(items, lease, signal, error);
    }
    if (suspects.length > 0) await this.clearAttempts(partition, suspects, signal);
    return results;
  }

  /**
   * Runs each known suspect alone and the other items together, in order. `known` maps a command key to its number of
   * attempts alone.
   */
  private async runKnown(
    items: readonly BatchItem[],
    known: ReadonlyMap<string, number>,
    lease: ExecutionLease,
    signal: AbortSignal,
    timeoutsAllowed: number,
  ): Promise<RunResult[]> {
    const results: RunResult[] = [];
    for (const part of partsOf(items, (item) => known.has(commandKey(item)))) {
      const [first] = part as [BatchItem];
      const attempts = known.get(commandKey(first));
      if (attempts === undefined) results.push(...(await this.runInParts(part, lease, signal, timeoutsAllowed)));
      else results.push(await this.runAlone(first, lease, signal, { attempts }));
    }
    return results;
  }

  /** `error` is the failure of the whole batch. */
  private async runHalves(items: readonly BatchItem[], lease: ExecutionLease, signal: AbortSignal, error: unknown) {
    this.deps.logger.warn('batch split to isolate a failing command', { commands: items.length, error });
    const half = Math.ceil(items.length / 2);
    const before = await this.runInParts(items.slice(0, half), lease, signal, PART_TIMEOUTS_ALLOWED);
    return [...before, ...(await this.runInParts(items.slice(half), lease, signal, PART_TIMEOUTS_ALLOWED))];
  }

  /** Runs one command alone. Each attempt is counted before it begins, so that the count survives a crash. */
  private async runAlone(
    item: BatchItem,
    lease: ExecutionLease,
    signal: AbortSignal,
    earlier: { attempts: number } | { error: unknown },
  ): Promise<RunResult> {
    const { maxCommandAttempts, logger } = this.deps;
    const { partition } = lease;
    const key = commandKey(item);
    const count = (store: CommandStore) => store.countAttempt(partition, key);
    const backoff = new Backoff(this.deps.time);
    let failure = 'error' in earlier ? earlier.error : undefined;
    // The failure that led here is an attempt too.
    let attempts = 'error' in earlier ? await this.store.callWithRetry(count, { partition, signal }) : earlier.attempts;
    while (attempts < maxCommandAttempts) {
      const isLast = attempts + 1 >= maxCommandAttempts;
      // A slow command ends its statement, not the process. It is counted after the attempt, so that a crash in between
      // does not count. It does not run exclusively, because its 15 s would block all other partitions.
      const isSlow = failure instanceof TooMuchWork;
      try {
        if (!isLast || isSlow) {
          if (!isSlow) attempts = await this.store.callWithRetry(count, { partition, signal });
          const [result] = await this.runTogether([item], lease, signal, PART_TIMEOUTS_ALLOWED);
          await this.clearAttempts(partition, [key], signal);
          return result as RunResult;
        }
        // The last attempt runs exclusively: a crash that another partition's command causes must not count against
        // this command.
        return await this.store.callExclusively(async (store) => {
          attempts = await count(store);
          const [result] = await this.transact(store, [item], lease);
          await store.forgetAttempts(partition, [key]);
          return result as RunResult;
        });
      } catch (error) {
        if (isInterruption(error, signal)) {
          // The failure was not caused by the command. Only a crash may leave the count in the store.
          await this.tryClearAttempts(partition, [key]);
          throw error;
        }
        if (isTransientStoreError(error)) {
          await this.clearAttempts(partition, [key], signal);
          attempts = 0;
        } else {
          failure = error;
          if (isSlow) attempts = await this.store.callWithRetry(count, { partition, signal });
          const { commandId, type } = identityOf(item);
          const traceId = traceIdOf(traceContextOf(item.delivery.incoming.headers));
          logger.error('command failed alone', { commandId, type, attempts, traceId, error });
        }
        await backoff.wait(signal);
        signal.throwIfAborted();
      }
    }
    return { item, result: { kind: 'poison', detail: describe(failure) } };
  }

  private clearAttempts(partition: number, keys: readonly string[], signal: AbortSignal): Promise<void> {
    return this.store.callWithRetry((store) => store.forgetAttempts(partition, keys), { partition, signal });
  }

  /** Best effort, because the store may be unavailable. */
  private async tryClearAttempts(partition: number, keys: readonly string[]): Promise<void> {
    await this.deps.store
      .forgetAttempts(partition, keys)
      .catch((error: unknown) => this.deps.logger.debug('attempts not cleared', { partition, error }));
  }

  private runTogether(
    items: readonly BatchItem[],
    lease: ExecutionLease,
    signal: AbortSignal,
    timeoutsAllowed: number,
  ): Promise<RunResult[]> {
    const { partition } = lease;
    return this.store.callWithRetry((store) => this.transact(store, items, lease), {
      partition,
      signal,
      timeoutsAllowed,
    });
  }

  private async transact(
    store: CommandStore,
    items: readonly BatchItem[],
    lease: ExecutionLease,
  ): Promise<RunResult[]> {
    const { decider, time } = this.deps;
    const { partition, epoch } = lease;
    const request = { partition, epoch, keys: snapshotKeysOf(items), publishedThrough: lease.publishedThrough() };
    const result = await store.transact(request, (snapshot) => {
      const { writes, value } = decider.decide(items, snapshot, { partition, now: time.now() });
      lease.decided();
      return { writes, value: { results: value, events: writes.events } };
    });
    if (result.outcome === 'fenced') throw new Fenced(partition);
    lease.committed(result.value.events);
    return items.map((item, index) => ({ item, result: result.value.results[index] as ItemResult }));
  }
}

/** True if no command has failed: the lease is lost, the commit outcome is unknown, or the caller has aborted. */
function isInterruption(error: unknown, signal: AbortSignal): boolean {
  return error instanceof Fenced || error instanceof OutcomeUnknown || signal.aborted;
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

function describe(error: unknown): string {
  // The message of the cause may contain user data, so only its class and code are reported.
  const { name, code } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { name: 'crash', code: undefined };
  return code === undefined ? `fails alone: ${name}` : `fails alone: ${name} ${String(code)}`;
}
