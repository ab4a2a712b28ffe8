/** Deletes rows whose retention is over. The worker that leads the cluster calls it at each tick. */

import { type CommandStore, StoreError } from '../ports/store/command-store.js';
import type { DecisionLog } from '../ports/store/decision-log.js';
import type { Prunable, WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import type { BackgroundTasks } from '../runtime/background-tasks.js';
import type { Time } from '../runtime/time.js';

export const PRUNE_INTERVAL_MS = 60_000;
/** Maximum number of rows that one statement deletes. */
export const PRUNE_CHUNK = 5_000;
/**
 * Attempts at commands that did not come again are deleted after this time. It is longer than any command waits that is
 * still tried.
 */
export const ATTEMPT_RETENTION_MS = 7 * 24 * 3_600_000;

/** Deletes rows older than `before`. `isDone` is false if there may be more of them. */
type PruneChunk = (before: Date) => Promise<{ rows: number; isDone: boolean }>;

export interface PrunerDeps {
  partitions: number;
  store: Pick<CommandStore, 'pruneReceipts' | 'pruneAttempts' | 'pruneRejectedCommands'>;
  /** `RECEIPT_RETENTION` in milliseconds. */
  receiptRetentionMs: number;
  decisions: Pick<DecisionLog, 'prune'>;
  /** `DECISION_RETENTION` in milliseconds. */
  decisionRetentionMs: number;
  observer: Pick<WorkerObserver, 'pruned'>;
  logger: WorkerLog;
  time: Time;
}

export class Pruner {
  /** The time of the last finished pruning, by kind. */
  private readonly prunedAt = new Map<Prunable, number>();

  constructor(
    private readonly deps: PrunerDeps,
    private readonly background: BackgroundTasks,
  ) {}

  /** Starts what is due, in the background. `signal` ends it between two statements. */
  tick(signal: AbortSignal): void {
    const { store, decisions, receiptRetentionMs, decisionRetentionMs } = this.deps;
    const start = (what: Prunable, retentionMs: number, chunk: PruneChunk) =>
      this.background.start(`pruning of ${what}`, () => this.prune(what, retentionMs, chunk));
    start('receipts', receiptRetentionMs, async () => {
      return { rows: await store.pruneReceipts(receiptRetentionMs), isDone: true };
    });
    start('rejected_commands', receiptRetentionMs, async (before) => {
      return ofChunks(await this.pruneRejectedCommands(before, signal));
    });
    start('attempts', ATTEMPT_RETENTION_MS, async (before) =>
      ofChunks([await store.pruneAttempts(before, PRUNE_CHUNK)]),
    );
    start('decisions', decisionRetentionMs, async (before) => ofChunks([await decisions.prune(before, PRUNE_CHUNK)]));
  }

  /** One partition after another, because each statement locks the row of one partition. */
  private async pruneRejectedCommands(before: Date, signal: AbortSignal): Promise<number[]> {
    const chunks: number[] = [];
    for (let partition = 0; partition < this.deps.partitions && !signal.aborted; partition += 1)
      chunks.push(await this.deps.store.pruneRejectedCommands(partition, before, PRUNE_CHUNK));
    return chunks;
  }

  private async prune(what: Prunable, retentionMs: number, chunk: PruneChunk): Promise<void> {
    const { time, logger, observer } = this.deps;
    if (time.elapsedMs() - (this.prunedAt.get(what) ?? Number.NEGATIVE_INFINITY) < PRUNE_INTERVAL_MS) return;
    const before = new Date(time.now().getTime() - retentionMs);
    const { rows: pruned, isDone } = await chunk(before).catch((error: unknown) => {
      // Batches wait while the pruning waits for a lock, so the next attempt is not made at once.
      if (error instanceof StoreError && error.kind === 'contention') this.prunedAt.set(what, time.elapsedMs());
      throw error;
    });
    if (isDone) this.prunedAt.set(what, time.elapsedMs());
    if (pruned === 0) return;
    observer.pruned(what, pruned);
    logger.info(`${what} pruned`, { pruned, before: before.toISOString() });
  }
}

/** A full chunk means that there are more rows. Then pruning continues at the next tick. */
function ofChunks(chunks: readonly number[]): { rows: number; isDone: boolean } {
  return {
    rows: chunks.reduce((sum, rows) => sum + rows, 0),
    isDone: chunks.every((rows) => rows < PRUNE_CHUNK),
  };
}
