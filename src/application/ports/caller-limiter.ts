import type { Caller } from './chat-queries.js';

/** Bounds how many requests one caller makes within a window. */
export interface CallerLimiter {
  /** Counts a request. Null: it may go on; else it is refused, and in so many seconds there is room again. */
  take(caller: Caller): Promise<{ retryAfterSeconds: number } | null>;
}
