/** What the worker reports for metrics and logs, which adapters implement. Calls are cheap and never throw. */
import type { DeadLetterReason, PublishOutcome } from './transport/transport.js';

export type Stage = 'decode' | 'transaction' | 'publish';

/** What workers delete after its retention. */
export type Prunable = 'receipts' | 'rejected_commands' | 'attempts' | 'decisions';

export interface WorkerObserver {
  commandAnswered(type: string, status: 'accepted' | 'rejected', code: string | null, replayed: boolean): void;
  batchCommitted(commands: number): void;
  stageTook(stage: Stage, milliseconds: number): void;
  eventSettled(outcome: PublishOutcome): void;
  deadLettered(reason: DeadLetterReason): void;
  rerouted(): void;
  /** A command that arrived at a wrong partition was published to the queue of its chat's partition. */
  forwarded(): void;
  transactionFailed(kind: string): void;
  leaseAcquired(partition: number, why: string): void;
  pruned(what: Prunable, rows: number): void;
}

/** For work that is not measured. */
export const NO_OBSERVER: WorkerObserver = {
  commandAnswered: () => undefined,
  batchCommitted: () => undefined,
  stageTook: () => undefined,
  eventSettled: () => undefined,
  deadLettered: () => undefined,
  rerouted: () => undefined,
  forwarded: () => undefined,
  transactionFailed: () => undefined,
  leaseAcquired: () => undefined,
  pruned: () => undefined,
};

export interface WorkerLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
