/** What is measured: a service that takes commands, stores them, and publishes events. */
export interface Subject {
  readonly title: string;
  /** Prefix of its queues. */
  readonly namespace: string;
  readonly databaseUrl: string;
  /** Whether it promises to publish in the order of each chat. */
  readonly isOrdered: boolean;
  readonly pids: readonly number[];
  /** What it tells of its batches; null where it makes none. */
  batches(): Promise<BatchTotals | null>;
  stop(): Promise<void>;
}

/** Since it started. */
export interface BatchTotals {
  batches: number;
  commands: number;
  readingMs: number;
  transactionMs: number;
}
