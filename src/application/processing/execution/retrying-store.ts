/** Calls the store with retries, or once while no other store call of this process runs. */

import type { LeaseRecovery } from '../../cluster/lease-recovery.js';
import { type CommandStore, StoreError } from '../../ports/store/command-store.js';
import type { WorkerLog, WorkerObserver } from '../../ports/worker-observer.js';
import { Backoff } from '../../runtime/backoff.js';
import type { Time } from '../../runtime/time.js';
import { ProbeWatch } from './probe-watch.js';

/**
 * Maximum backoff after contention, in milliseconds. The database did not wait for the other transaction, so the
 * worker must.
 */
export const CONTENTION_BACKOFF_MAX_MS = 1_000;

/** COMMIT was sent and no reply came. The caller must re-acquire the lease and then run the batch again. */
export class OutcomeUnknown extends Error {
  /** The leases of the batch, to be re-acquired in one statement. Set by `GroupCommit`. */
  recovery: LeaseRecovery | null = null;

  constructor(options: { cause: unknown }) {
    super('the outcome of the commit is unknown', options);
    this.name = 'OutcomeUnknown';
  }
}

/**
 * A statement timed out while the database did other work at normal speed, so its commands are too expensive. Nothing
 * was written.
 */
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
  /** Called with the error while the store does not answer, and with null when it answers again or the call ends. */
  onStoreTrouble(error: StoreError | null): void;
}

type Call<T> = (store: CommandStore) => Promise<T>;

export interface CallOptions {
  /** The partition that the call belongs to. */
  partition: number;
  signal: AbortSignal;
  /**
   * After this many timeouts, the next one throws `TooMuchWork` unless the database is slow with other work too. No
   * limit by default.
   */
  timeoutsAllowed?: number;
}

/** True if the failure is not caused by the data: nothing was written, and the same call may succeed later. */
export function isTransientStoreError(error: unknown): error is StoreError {
  return error instanceof StoreError && error.kind !== 'refused';
}

export class RetryingStore {
  private readonly inFlight = new Set<Promise<unknown>>();
  /** Settles when the exclusive call ends. Null if there is none. */
  private exclusiveCall: Promise<void> | null = null;
  /** By partition: the time since which its call has met only contention. */
  private readonly contended = new Map<number, Date>();

  constructor(private readonly deps: RetryingStoreDeps) {}

  /** The time since which the partition's batch has met only contention. Null if there is no contention. */
  contendedSince(partition: number): Date | null {
    return this.contended.get(partition) ?? null;
  }

  /** Retries transient store errors with backoff, and keeps the partition's place meanwhile. */
  async callWithRetry<T>(
    call: Call<T>,
    { partition, signal, timeoutsAllowed = Number.POSITIVE_INFINITY }: CallOptions,
  ): Promise<T> {
    const { time, logger, onStoreTrouble } = this.deps;
    const backoff = new Backoff(time);
    const contentionBackoff = new Backoff(time, CONTENTION_BACKOFF_MAX_MS);
    let isDown = false;
    let timeoutsLeft = timeoutsAllowed;
    try {
      for (;;) {
        const watch = timeoutsLeft > 0 ? null : new ProbeWatch(this.deps.store, time);
        try {
          return await this.callOnce(call);
        } catch (error) {
          if (!isTransientStoreError(error)) throw error;
          if (error.kind === 'contention') {
            if (!this.contended.has(partition)) this.contended.set(partition, time.now());
            await contentionBackoff.wait(signal);
          } else {
            this.contended.delete(partition);
            if (error.kind === 'timed_out') {
              timeoutsLeft -= 1;
              if (watch !== null && (await watch.hasAnsweredFast())) throw new TooMuchWork({ cause: error });
            }
            isDown = true;
            onStoreTrouble(error);
            logger.warn('store unavailable; retrying the batch', { partition, error });
            await backoff.wait(signal);
          }
          signal.throwIfAborted();
        } finally {
          watch?.end();
        }
      }
    } finally {
      this.contended.delete(partition);
      // The store answered, or refused, or the caller aborted.
      if (isDown) onStoreTrouble(null);
    }
  }

  /**
   * No other call runs meanwhile, so a crash during the call is caused by the call. It is not retried, because it would
   * block all partitions.
   */
  async callExclusively<T>(call: Call<T>): Promise<T> {
    while (this.exclusiveCall !== null) await this.exclusiveCall;
    let end: () => void = () => undefined;
    this.exclusiveCall = new Promise((resolve) => {
      end = resolve;
    });
    try {
      await Promise.allSettled(this.inFlight);
      return await this.attempt(call);
    } finally {
      this.exclusiveCall = null;
      end();
    }
  }

  /** Calls the store once, beside other calls. */
  async callOnce<T>(call: Call<T>): Promise<T> {
    return this.callShared(() => this.attempt(call));
  }

  private async callShared<T>(call: () => Promise<T>): Promise<T> {
    while (this.exclusiveCall !== null) await this.exclusiveCall;
    const running = call();
    this.inFlight.add(running);
    try {
      return await running;
    } finally {
      this.inFlight.delete(running);
    }
  }

  private async attempt<T>(call: Call<T>): Promise<T> {
    try {
      return await call(this.deps.store);
    } catch (error) {
      if (isTransientStoreError(error)) this.deps.observer.transactionFailed(error.kind);
      if (error instanceof StoreError && error.kind === 'unknown') throw new OutcomeUnknown({ cause: error });
      throw error;
    }
  }
}
