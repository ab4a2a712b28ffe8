/** How a runner asks the store: as long as it takes, or once and with nothing else of this process under way. */
import { type CommandStore, StoreError } from '../ports/command-store.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import { Backoff } from '../runtime/backoff.js';
import type { Time } from '../runtime/time.js';
import { ProbeWatch } from './probe-watch.js';

/** The longest pause before what met contention is tried again: whatever it waits for was not waited for in the database. */
export const CONTENTION_BACKOFF_MAX_MS = 1_000;

/** COMMIT was sent and its reply did not come: take over from oneself, then run the batch again. */
export class OutcomeUnknown extends Error {
  constructor(options: { cause: unknown }) {
    super('nobody knows whether the batch was committed', options);
    this.name = 'OutcomeUnknown';
  }
}

/** A statement exceeded its timeout while the database did other work as fast as ever: the commands in it ask for too much. Nothing was written. */
export class TooMuchWork extends Error {
  constructor(options: { cause: unknown }) {
    super('the statement timed out while the database answered', options);
    this.name = 'TooMuchWork';
  }
}

export interface RetryingStoreDeps {
  store: CommandStore;
  observer: Pick<WorkerObserver, 'transactionFailed'>;
  logger: WorkerLog;
  time: Time;
  /** Called while the store does not answer, and with null when it does again. */
  onStoreTrouble(error: StoreError | null): void;
}

type Call<T> = (store: CommandStore) => Promise<T>;

export interface Asking {
  /** On whose behalf. */
  partition: number;
  signal: AbortSignal;
  /** After so many timeouts the next one is a `TooMuchWork`, unless the database is slow with other work too. Without a limit where left out. */
  timeoutsBorne?: number;
}

/** A failure for the store's own sake: nothing was written, and the same may succeed later. */
export function isForTheStoresSake(error: unknown): error is StoreError {
  return error instanceof StoreError && error.kind !== 'refused';
}

export class RetryingStore {
  private readonly underWay = new Set<Promise<unknown>>();
  /** Settles when nobody is to be left undisturbed any more; null: nobody is. */
  private quiet: Promise<void> | null = null;
  /** Since when what a partition asks for has met nothing but contention. */
  private readonly contended = new Map<number, Date>();

  constructor(private readonly deps: RetryingStoreDeps) {}

  /** Since when the partition's batch has met nothing but contention; null: it does not. */
  contendedSince(partition: number): Date | null {
    return this.contended.get(partition) ?? null;
  }

  /** A failure for the store's sake holds the place and is tried again, with backoff. */
  async ask<T>(call: Call<T>, { partition, signal, timeoutsBorne = Number.POSITIVE_INFINITY }: Asking): Promise<T> {
    const { time, logger, onStoreTrouble } = this.deps;
    const backoff = new Backoff(time);
    const backoffOfContention = new Backoff(time, CONTENTION_BACKOFF_MAX_MS);
    let away = false;
    let timeoutsLeft = timeoutsBorne;
    try {
      for (;;) {
        const watch = timeoutsLeft > 0 ? null : new ProbeWatch(this.deps.store, time);
        try {
          return await this.among(() => this.once(call));
        } catch (error) {
          if (!isForTheStoresSake(error)) throw error;
          if (error.kind === 'contention') {
            if (!this.contended.has(partition)) this.contended.set(partition, time.now());
            await backoffOfContention.wait(signal);
          } else {
            this.contended.delete(partition);
            if (error.kind === 'timed_out') {
              timeoutsLeft -= 1;
              if (watch !== null && (await watch.hasAnsweredFast())) throw new TooMuchWork({ cause: error });
            }
            away = true;
            onStoreTrouble(error);
            logger.warn('the store does not answer; the batch waits', { partition, error });
            await backoff.wait(signal);
          }
          signal.throwIfAborted();
        } finally {
          watch?.end();
        }
      }
    } finally {
      this.contended.delete(partition);
      // However the wait ended: it answered, or refused, or nobody waits any more.
      if (away) onStoreTrouble(null);
    }
  }

  /** No other call is under way meanwhile: should the process die in it, then of it. Not tried again: it would hold up everybody. */
  async askUndisturbed<T>(call: Call<T>): Promise<T> {
    while (this.quiet !== null) await this.quiet;
    let end: () => void = () => undefined;
    this.quiet = new Promise((resolve) => {
      end = resolve;
    });
    try {
      await Promise.allSettled(this.underWay);
      return await this.once(call);
    } finally {
      this.quiet = null;
      end();
    }
  }

  private async among<T>(call: () => Promise<T>): Promise<T> {
    while (this.quiet !== null) await this.quiet;
    const running = call();
    this.underWay.add(running);
    try {
      return await running;
    } finally {
      this.underWay.delete(running);
    }
  }

  private async once<T>(call: Call<T>): Promise<T> {
    try {
      return await call(this.deps.store);
    } catch (error) {
      if (isForTheStoresSake(error)) this.deps.observer.transactionFailed(error.kind);
      if (error instanceof StoreError && error.kind === 'unknown') throw new OutcomeUnknown({ cause: error });
      throw error;
    }
  }
}
