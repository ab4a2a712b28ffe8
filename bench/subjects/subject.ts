/** A measured system: a service that consumes commands, stores them, and publishes events. */
export interface Subject {
  readonly title: string;
  /** Prefix of its queues. */
  readonly namespace: string;
  readonly databaseUrl: string;
  /** Whether it guarantees the order of each chat, and saves the published position. */
  readonly isOrdered: boolean;
  readonly pids: readonly number[];
  /** Figures of its batches; null if it has no batches. */
  batches(): Promise<BatchTotals | null>;
  /** Stops its processes; its queues and tables stay. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** Since the start. */
export interface BatchTotals {
  batches: number;
  commands: number;
  readingMs: number;
  transactionMs: number;
  /** Delay of the event loop since the last call. */
  loopDelayMs: { p50: number; p99: number; max: number };
}
