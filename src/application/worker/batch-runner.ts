/**
 * Takes one batch of a partition through the transaction and says what came of it. Poison is found here: a batch that fails
 * for a command's sake is split until that command is alone, counted, and in the end put away.
 */
import { type BatchItem, type ItemResult, identityOf } from '../batch/batch-item.js';
import type { BatchDecider } from '../batch/decide-batch.js';
import { factKeysOf } from '../batch/fact-keys.js';
import { traceContextOf, traceIdOf } from '../batch/trace-context.js';
import { type CommandStore, receiptKey, StoreError } from '../ports/command-store.js';
import type { LoggedEvent } from '../ports/event-log.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import type { Time } from '../time.js';
import { Backoff } from './backoff.js';
import { SUSPECT_DELIVERY_COUNT } from './delivery-buffer.js';

/** A partition as its owner in this process holds it. */
export interface Holding {
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

/** COMMIT was sent and its reply did not come: take over from oneself, then run the batch again. */
export class OutcomeUnknown extends Error {
  constructor(options: { cause: unknown }) {
    super('nobody knows whether the batch was committed', options);
    this.name = 'OutcomeUnknown';
  }
}

export interface BatchRunnerDeps {
  store: CommandStore;
  decider: BatchDecider;
  observer: WorkerObserver;
  logger: WorkerLog;
  time: Time;
  /** `POISON_ATTEMPTS` */
  poisonAttempts: number;
  /** Called while the store does not answer, and with null when it does again. */
  onStoreTrouble(error: StoreError | null): void;
}

function commandKey(item: BatchItem): string {
  return receiptKey(identityOf(item));
}

export class BatchRunner {
  constructor(private readonly deps: BatchRunnerDeps) {}

  /** Rejects with `Fenced`, `OutcomeUnknown`, or the signal's reason; everything else is waited out or told in the results. */
  async run(items: readonly BatchItem[], holding: Holding, signal: AbortSignal): Promise<RunResult[]> {
    const [first] = items;
    if (first === undefined) return [];
    if (items.length === 1 && first.delivery.deliveryCount >= SUSPECT_DELIVERY_COUNT)
      return [await this.runSuspect(first, holding, signal)];
    try {
      return await this.runTogether(items, holding, signal);
    } catch (error) {
      if (error instanceof Fenced || error instanceof OutcomeUnknown || signal.aborted) throw error;
      // For a command's sake: refused by the database, or a bug that one of them brings out.
      this.deps.observer.transactionFailed('refused');
      if (items.length === 1) return [await this.runSuspect(first, holding, signal, error)];
      this.deps.logger.warn('batch split to find the command that fails it', { commands: items.length, error });
      const half = Math.ceil(items.length / 2);
      const before = await this.run(items.slice(0, half), holding, signal);
      return [...before, ...(await this.run(items.slice(half), holding, signal))];
    }
  }

  /** One command alone, each try counted before it begins, so that the count outlives a crash. */
  private async runSuspect(item: BatchItem, holding: Holding, signal: AbortSignal, why?: unknown): Promise<RunResult> {
    const { store, poisonAttempts, logger } = this.deps;
    const key = commandKey(item);
    let failure = why;
    const backoff = new Backoff(this.deps.time);
    const count = () => this.whileStoreIsAway(() => store.countAttempt(holding.partition, key), signal);
    // What brought us here was a try of its own.
    if (why !== undefined) await count();
    for (;;) {
      const attempts = await count();
      if (attempts > poisonAttempts) {
        await this.whileStoreIsAway(() => store.forgetAttempts(holding.partition, key), signal);
        return { item, result: { kind: 'poison', detail: describe(failure) } };
      }
      try {
        const [result] = await this.runTogether([item], holding, signal);
        await this.whileStoreIsAway(() => store.forgetAttempts(holding.partition, key), signal);
        return result as RunResult;
      } catch (error) {
        if (error instanceof Fenced || error instanceof OutcomeUnknown || signal.aborted) {
          // Not for its own sake: only a crash may leave the count standing.
          await this.forgive(holding.partition, key);
          throw error;
        }
        failure = error;
        const { commandId, type } = identityOf(item);
        const traceId = traceIdOf(traceContextOf(item.delivery.incoming.headers));
        logger.error('command fails alone', { commandId, type, attempts, traceId, error });
        await backoff.wait(signal);
        signal.throwIfAborted();
      }
    }
  }

  /** Best effort: the store may be what is away. */
  private async forgive(partition: number, key: string): Promise<void> {
    await this.deps.store
      .forgetAttempts(partition, key)
      .catch((error: unknown) => this.deps.logger.debug('attempt left standing', { partition, error }));
  }

  private async runTogether(items: readonly BatchItem[], holding: Holding, signal: AbortSignal): Promise<RunResult[]> {
    const { store, decider, time } = this.deps;
    const { partition, epoch } = holding;
    const keys = factKeysOf(items);
    const result = await this.whileStoreIsAway(
      () =>
        store.transact({ partition, epoch, keys, publishedThrough: holding.publishedThrough() }, (facts) => {
          const { writes, value } = decider.decide(items, facts, { partition, now: time.now() });
          holding.decided();
          return { writes, value: { results: value, events: writes.events } };
        }),
      signal,
    );
    if (result.outcome === 'fenced') throw new Fenced(partition);
    holding.committed(result.value.events);
    return items.map((item, index) => ({ item, result: result.value.results[index] as ItemResult }));
  }

  /** A failure for the database's sake holds the place and is tried again, with backoff. */
  private async whileStoreIsAway<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const backoff = new Backoff(this.deps.time);
    let away = false;
    try {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (!(error instanceof StoreError) || error.kind === 'refused') throw error;
          this.deps.observer.transactionFailed(error.kind);
          if (error.kind === 'unknown') throw new OutcomeUnknown({ cause: error });
          if (error.kind === 'unavailable') {
            away = true;
            this.deps.onStoreTrouble(error);
            this.deps.logger.warn('the store does not answer; the batch waits', { error });
          }
          await backoff.wait(signal);
          signal.throwIfAborted();
        }
      }
    } finally {
      // However the wait ended: it answered, or refused, or nobody waits any more.
      if (away) this.deps.onStoreTrouble(null);
    }
  }
}

function describe(error: unknown): string {
  // The cause's own message may quote the data: only its class and code are told.
  const { name, code } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { name: 'crash', code: undefined };
  return code === undefined ? `fails alone: ${name}` : `fails alone: ${name} ${String(code)}`;
}
