import type { Caller } from './queries/chat-queries.js';

/** Rate limit of each caller's requests. */
export interface CallerLimiter {
  /** Counts a request. Null if it is allowed. Otherwise it is refused, and may be repeated after these seconds. */
  take(caller: Caller): Promise<{ retryAfterSeconds: number } | null>;
}
