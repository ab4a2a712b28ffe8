/**
 * Commands that fail alone, and commands that may have killed a worker. The store records such a command before each
 * attempt, so that the count survives a crash. A command that was on record when a worker died is tried alone
 * (docs/adr/0012-suspects-are-tried-together.md). After `maxCommandAttempts` failures alone it is poison, which the
 * caller dead-letters.
 */

import { type BatchLease, type CommandStore, receiptKey } from '../../ports/store/command-store.js';
import { Backoff } from '../../runtime/backoff.js';
import { traceContextOf, traceIdOf } from '../../runtime/trace-context.js';
import { type BatchItem, identityOf } from '../../snapshot/batch-item.js';
import { type BatchTransactionDeps, type ExecutedBatch, Fenced, transactOne } from './batch-transaction.js';
import {
  isTransientStoreError,
  OutcomeUnknown,
  type RetryingStore,
  type RetryingStoreDeps,
  TooMuchWork,
} from './retrying-store.js';

/** For a command that is tried alone, already the first timeout is checked. */
const TIMEOUTS_ALLOWED = 0;

const NONE_KNOWN: ReadonlyMap<string, number> = new Map();

export function commandKey(item: BatchItem): string {
  return receiptKey(identityOf(item));
}

/** True if no command has failed: the lease is lost, the commit outcome is unknown, or the caller has aborted. */
export function isInterruption(error: unknown, signal: AbortSignal): boolean {
  return error instanceof Fenced || error instanceof OutcomeUnknown || signal.aborted;
}

export class CommandQuarantine {
  constructor(
    private readonly store: RetryingStore,
    private readonly deps: Pick<RetryingStoreDeps, 'store' | 'logger'> &
      BatchTransactionDeps & { maxCommandAttempts: number },
  ) {}

  /**
   * Records that these commands are about to be tried together. If some of them are on record already, it records
   * nothing and returns their numbers of attempts alone.
   */
  async note(partition: number, keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    if (keys.length === 0) return NONE_KNOWN;
    return this.store.callWithRetry((store) => store.noteSuspects(partition, keys), { partition, signal });
  }

  async clear(partition: number, keys: readonly string[], signal: AbortSignal): Promise<void> {
    if (keys.length === 0) return;
    await this.store.callWithRetry((store) => store.forgetAttempts(partition, keys), { partition, signal });
  }

  /**
   * Clears the record if the store answers.
   * @returns whether it did
   */
  async tryClear(partition: number, keys: readonly string[]): Promise<boolean> {
    if (keys.length === 0) return true;
    try {
      await this.deps.store.forgetAttempts(partition, keys);
      return true;
    } catch (error) {
      this.deps.logger.debug('attempts not cleared', { partition, error });
      return false;
    }
  }

  /**
   * Executes one command alone, and yields its result once. Each attempt is counted before it begins.
   * @param earlier the attempts on record, or the failure that led here, which counts as an attempt
   */
  async *executeAlone(
    item: BatchItem,
    lease: BatchLease,
    signal: AbortSignal,
    earlier: { attempts: number } | { error: unknown },
  ): AsyncGenerator<ExecutedBatch, void> {
    const { maxCommandAttempts } = this.deps;
    const { partition } = lease;
    const key = commandKey(item);
    const count = () => this.store.callWithRetry((store) => store.countAttempt(partition, key), { partition, signal });
    const backoff = new Backoff(this.deps.time);
    let failure = 'error' in earlier ? earlier.error : undefined;
    let attempts = 'error' in earlier ? await count() : earlier.attempts;
    while (attempts < maxCommandAttempts) {
      const isLast = attempts + 1 >= maxCommandAttempts;
      // A slow command ends its statement, not the process. It is counted after the attempt, so that a crash in between
      // does not count. It does not run exclusively, because its 15 s would block all other partitions.
      const isSlow = failure instanceof TooMuchWork;
      let executed: ExecutedBatch;
      let isCleared = false;
      try {
        if (isLast && !isSlow) {
          // The last attempt runs exclusively: a crash that another partition's command causes must not count against
          // this command.
          executed = await this.store.callExclusively(async (store) => {
            attempts = await store.countAttempt(partition, key);
            const done = await transactOne(store, { items: [item], lease }, this.deps);
            isCleared = await this.tryClear(partition, [key]);
            return done;
          });
        } else {
          if (!isSlow) attempts = await count();
          const once = (store: CommandStore) => transactOne(store, { items: [item], lease }, this.deps);
          executed = await this.store.callWithRetry(once, { partition, signal, timeoutsAllowed: TIMEOUTS_ALLOWED });
        }
      } catch (error) {
        if (isInterruption(error, signal)) {
          // The failure was not caused by the command. Only a crash may leave the count in the store.
          await this.tryClear(partition, [key]);
          throw error;
        }
        if (isTransientStoreError(error)) {
          await this.clear(partition, [key], signal);
          attempts = 0;
        } else {
          failure = error;
          if (isSlow) attempts = await count();
          this.logFailure(item, attempts, error);
        }
        await backoff.wait(signal);
        signal.throwIfAborted();
        continue;
      }
      yield executed;
      if (!isCleared) await this.clear(partition, [key], signal);
      return;
    }
    yield { results: [{ item, result: { kind: 'poison', detail: describe(failure) } }], events: [] };
  }

  private logFailure(item: BatchItem, attempts: number, error: unknown): void {
    const { commandId, type } = identityOf(item);
    const traceId = traceIdOf(traceContextOf(item.delivery.incoming.headers));
    this.deps.logger.error('command failed alone', { commandId, type, attempts, traceId, error });
  }
}

function describe(error: unknown): string {
  // The message of the cause may contain user data, so only its class and code are reported.
  const { name, code } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { name: 'crash', code: undefined };
  return code === undefined ? `fails alone: ${name}` : `fails alone: ${name} ${String(code)}`;
}
