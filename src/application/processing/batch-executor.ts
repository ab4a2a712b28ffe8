/**
 * Takes one batch of a partition through the transaction and says what came of it. Poison is found here: a batch that fails
 * for a command's sake is split until that command is alone, counted, and in the end put away; so is one whose statement times out while the
 * database does other work as fast as ever. What may have killed a worker is noted before it is
 * tried; what was noted when one died is tried alone (docs/adr/0012-suspects-are-tried-together.md).
 */

import { type CommandStore, receiptKey } from '../ports/command-store.js';
import type { LoggedEvent } from '../ports/event-log.js';
import { Backoff } from '../runtime/backoff.js';
import { traceContextOf, traceIdOf } from '../runtime/trace-context.js';
import { type BatchItem, type ItemResult, identityOf } from '../snapshot/batch-item.js';
import type { CommandDecider } from './command-decider.js';
import { isSuspect } from './delivery-buffer.js';
import {
  isForTheStoresSake,
  OutcomeUnknown,
  RetryingStore,
  type RetryingStoreDeps,
  TooMuchWork,
} from './retrying-store.js';
import { snapshotKeysOf } from './snapshot-keys.js';

/** A partition as its owner in this process holds it. */
export interface ExecutionLease {
  partition: number;
  epoch: number;
  publishedThrough(): number;
  /** Decided, in the transaction, nothing written yet. */
  decided(): void;
  /** Events of a committed batch, in order, on their way out. */
  committed(events: readonly LoggedEvent[]): void;
}

export type RunResult = { item: BatchItem; result: ItemResult | { kind: 'poison'; detail: string } };

/** The partition belongs to somebody else now: close the channel, give everything back. */
export class Fenced extends Error {
  constructor(readonly partition: number) {
    super(`partition ${partition} has another owner`);
    this.name = 'Fenced';
  }
}

export interface BatchExecutorDeps extends RetryingStoreDeps {
  decider: CommandDecider;
  /** `MAX_COMMAND_ATTEMPTS` */
  maxCommandAttempts: number;
}

/** A batch may time out so often before it is asked whether its commands ask for too much; a part of one, or a command alone, not even that. */
export const BATCH_TIMEOUTS_BORNE = 1;
const PART_TIMEOUTS_BORNE = 0;

function commandKey(item: BatchItem): string {
  return receiptKey(identityOf(item));
}

export class BatchExecutor {
  private readonly store: RetryingStore;

  constructor(private readonly deps: BatchExecutorDeps) {
    this.store = new RetryingStore(deps);
  }

  /** Since when the partition's batch has met nothing but contention; null: it does not. */
  contendedSince(partition: number): Date | null {
    return this.store.contendedSince(partition);
  }

  /** Rejects with `Fenced`, `OutcomeUnknown`, or the signal's reason; everything else is waited out or told in the results. */
  async run(items: readonly BatchItem[], holding: ExecutionLease, signal: AbortSignal): Promise<RunResult[]> {
    const results = await this.runInParts(items, holding, signal, BATCH_TIMEOUTS_BORNE);
    // Not until all are through: should the next one kill the worker, this one would have to be found out about again.
    const poison = results.flatMap(({ item, result }) => (result.kind === 'poison' ? [commandKey(item)] : []));
    if (poison.length > 0) await this.forget(holding.partition, poison, signal);
    return results;
  }

  private async runInParts(
    items: readonly BatchItem[],
    holding: ExecutionLease,
    signal: AbortSignal,
    timeoutsBorne: number,
  ): Promise<RunResult[]> {
    const [first] = items;
    if (first === undefined) return [];
    const { partition } = holding;
    const suspects = isSuspect(first.delivery) ? [...new Set(items.map(commandKey))] : [];
    if (suspects.length > 0) {
      const known = await this.store.ask((store) => store.noteSuspects(partition, suspects), { partition, signal });
      if (known.size > 0) return this.runKnown(items, known, holding, signal, timeoutsBorne);
    }
    let results: RunResult[];
    try {
      results = await this.runTogether(items, holding, signal, timeoutsBorne);
    } catch (error) {
      // Whatever it was, nobody has died of it.
      if (suspects.length > 0) await this.forgive(partition, suspects);
      if (isNobodysFault(error, signal)) throw error;
      // That it timed out has been counted.
      if (!(error instanceof TooMuchWork)) this.deps.observer.transactionFailed('refused');
      if (items.length === 1) return [await this.runAlone(first, holding, signal, { error })];
      return this.runHalves(items, holding, signal, error);
    }
    if (suspects.length > 0) await this.forget(partition, suspects, signal);
    return results;
  }

  /** Those that were noted when a worker died each alone, the others together, in order. `known`: how often each was tried alone. */
  private async runKnown(
    items: readonly BatchItem[],
    known: ReadonlyMap<string, number>,
    holding: ExecutionLease,
    signal: AbortSignal,
    timeoutsBorne: number,
  ): Promise<RunResult[]> {
    const results: RunResult[] = [];
    for (const part of partsOf(items, (item) => known.has(commandKey(item)))) {
      const [first] = part as [BatchItem];
      const attempts = known.get(commandKey(first));
      if (attempts === undefined) results.push(...(await this.runInParts(part, holding, signal, timeoutsBorne)));
      else results.push(await this.runAlone(first, holding, signal, { attempts }));
    }
    return results;
  }

  /** `error`: what it has failed with. */
  private async runHalves(items: readonly BatchItem[], holding: ExecutionLease, signal: AbortSignal, error: unknown) {
    this.deps.logger.warn('batch split to find the command that fails it', { commands: items.length, error });
    const half = Math.ceil(items.length / 2);
    const before = await this.runInParts(items.slice(0, half), holding, signal, PART_TIMEOUTS_BORNE);
    return [...before, ...(await this.runInParts(items.slice(half), holding, signal, PART_TIMEOUTS_BORNE))];
  }

  /** One command alone, each try counted before it begins, so that the count outlives a crash. */
  private async runAlone(
    item: BatchItem,
    holding: ExecutionLease,
    signal: AbortSignal,
    earlier: { attempts: number } | { error: unknown },
  ): Promise<RunResult> {
    const { maxCommandAttempts, logger } = this.deps;
    const { partition } = holding;
    const key = commandKey(item);
    const count = (store: CommandStore) => store.countAttempt(partition, key);
    const backoff = new Backoff(this.deps.time);
    let failure = 'error' in earlier ? earlier.error : undefined;
    // What brought us here was a try of its own.
    let attempts = 'error' in earlier ? await this.store.ask(count, { partition, signal }) : earlier.attempts;
    while (attempts < maxCommandAttempts) {
      const isLast = attempts + 1 >= maxCommandAttempts;
      // Such a command ends its statement, not its process. It is counted afterwards, so that what ends the process meanwhile does not count, and
      // its 15 s hold up no other partition.
      const isSlow = failure instanceof TooMuchWork;
      try {
        if (!isLast || isSlow) {
          if (!isSlow) attempts = await this.store.ask(count, { partition, signal });
          const [result] = await this.runTogether([item], holding, signal, PART_TIMEOUTS_BORNE);
          await this.forget(partition, [key], signal);
          return result as RunResult;
        }
        // Its last try: what another partition's command might do to the process meanwhile must not be held against this one.
        return await this.store.askUndisturbed(async (store) => {
          attempts = await count(store);
          const [result] = await this.transact(store, [item], holding);
          await store.forgetAttempts(partition, [key]);
          return result as RunResult;
        });
      } catch (error) {
        if (isNobodysFault(error, signal)) {
          // Not for its own sake: only a crash may leave the count standing.
          await this.forgive(partition, [key]);
          throw error;
        }
        if (isForTheStoresSake(error)) {
          await this.forget(partition, [key], signal);
          attempts = 0;
        } else {
          failure = error;
          if (isSlow) attempts = await this.store.ask(count, { partition, signal });
          const { commandId, type } = identityOf(item);
          const traceId = traceIdOf(traceContextOf(item.delivery.incoming.headers));
          logger.error('command fails alone', { commandId, type, attempts, traceId, error });
        }
        await backoff.wait(signal);
        signal.throwIfAborted();
      }
    }
    return { item, result: { kind: 'poison', detail: describe(failure) } };
  }

  private forget(partition: number, keys: readonly string[], signal: AbortSignal): Promise<void> {
    return this.store.ask((store) => store.forgetAttempts(partition, keys), { partition, signal });
  }

  /** Best effort: the store may be what is away. */
  private async forgive(partition: number, keys: readonly string[]): Promise<void> {
    await this.deps.store
      .forgetAttempts(partition, keys)
      .catch((error: unknown) => this.deps.logger.debug('attempts left standing', { partition, error }));
  }

  private runTogether(
    items: readonly BatchItem[],
    holding: ExecutionLease,
    signal: AbortSignal,
    timeoutsBorne: number,
  ): Promise<RunResult[]> {
    const { partition } = holding;
    return this.store.ask((store) => this.transact(store, items, holding), { partition, signal, timeoutsBorne });
  }

  private async transact(
    store: CommandStore,
    items: readonly BatchItem[],
    holding: ExecutionLease,
  ): Promise<RunResult[]> {
    const { decider, time } = this.deps;
    const { partition, epoch } = holding;
    const request = { partition, epoch, keys: snapshotKeysOf(items), publishedThrough: holding.publishedThrough() };
    const result = await store.transact(request, (snapshot) => {
      const { writes, value } = decider.decide(items, snapshot, { partition, now: time.now() });
      holding.decided();
      return { writes, value: { results: value, events: writes.events } };
    });
    if (result.outcome === 'fenced') throw new Fenced(partition);
    holding.committed(result.value.events);
    return items.map((item, index) => ({ item, result: result.value.results[index] as ItemResult }));
  }
}

/** None of the commands has failed: the partition is another owner's, the outcome is unknown, or nobody waits any more. */
function isNobodysFault(error: unknown, signal: AbortSignal): boolean {
  return error instanceof Fenced || error instanceof OutcomeUnknown || signal.aborted;
}

/** In order; each that `isAlone` by itself. */
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
  // The cause's own message may quote the data: only its class and code are told.
  const { name, code } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { name: 'crash', code: undefined };
  return code === undefined ? `fails alone: ${name}` : `fails alone: ${name} ${String(code)}`;
}
