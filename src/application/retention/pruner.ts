/** Deletes rows whose retention is over. The worker that leads the cluster calls it at each tick. */

import type { CommandStore } from '../ports/store/command-store.js';
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

/** Deletes rows older than `before` and returns the number of rows that each statement deleted. */
type PruneChunk = (before: Date) => Promise<number[]>;

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
    start('receipts', receiptRetentionMs, async (before) => [await store.pruneReceipts(before, PRUNE_CHUNK)]);
    start('rejected_commands', receiptRetentionMs, (before) => this.pruneRejectedCommands(before, signal));
    start('attempts', ATTEMPT_RETENTION_MS, async (before) => [await store.pruneAttempts(before, PRUNE_CHUNK)]);
    start('decisions', decisionRetentionMs, async (before) => [await decisions.prune(before, PRUNE_CHUNK)]);
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
    const chunks = await chunk(before);
    // A full chunk means that there are more rows, so pruning continues at the next tick.
    if (chunks.every((rows) => rows < PRUNE_CHUNK)) this.prunedAt.set(what, time.elapsedMs());
    const pruned = chunks.reduce((sum, rows) => sum + rows, 0);
    if (pruned === 0) return;
    observer.pruned(what, pruned);
    logger.info(`${what} pruned`, { pruned, before: before.toISOString() });
  }
}
