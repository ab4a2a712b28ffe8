/** What the worker tells whoever watches: metrics and logs, both adapters' business. Calls are cheap and never throw. */
import type { DeadLetterReason, PublishOutcome } from './transport.js';

export type Stage = 'decode' | 'transaction' | 'publish';

export interface WorkerObserver {
  commandAnswered(type: string, status: 'accepted' | 'rejected', code: string | null, replayed: boolean): void;
  batchCommitted(commands: number): void;
  stageTook(stage: Stage, milliseconds: number): void;
  eventSettled(outcome: PublishOutcome): void;
  deadLettered(reason: DeadLetterReason): void;
  rerouted(): void;
  /** A command that came to a wrong partition was published to the queue of its chat's own. */
  sentHome(): void;
  transactionFailed(kind: string): void;
  tookOver(partition: number, why: string): void;
}

export interface WorkerLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
