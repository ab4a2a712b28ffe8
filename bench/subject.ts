/** What is measured: a service that takes commands, stores them, and publishes events. */
export interface Subject {
  readonly title: string;
  /** Prefix of its queues. */
  readonly namespace: string;
  readonly databaseUrl: string;
  /** Whether it promises to publish in the order of each chat, and notes how far it has published. */
  readonly isOrdered: boolean;
  readonly pids: readonly number[];
  /** What it tells of its batches; null where it makes none. */
  batches(): Promise<BatchTotals | null>;
  /** Ends its processes; its queues and tables stay. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** Since it started. */
export interface BatchTotals {
  batches: number;
  commands: number;
  readingMs: number;
  transactionMs: number;
  /** How late the event loop ran, since it was last asked. */
  loopDelayMs: { p50: number; p99: number; max: number };
}
