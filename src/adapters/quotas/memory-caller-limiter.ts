import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { CallerLimiter } from '../../application/ports/caller-limiter.js';
import type { Caller } from '../../application/ports/chat-queries.js';

const MS_PER_SECOND = 1000;

/** Counts in memory: each process counts by itself. */
export class MemoryCallerLimiter implements CallerLimiter {
  private readonly limiter: RateLimiterMemory;

  constructor({ requests, windowSeconds }: { requests: number; windowSeconds: number }) {
    this.limiter = new RateLimiterMemory({ points: requests, duration: windowSeconds });
  }

  async take({ tenantId, userId }: Caller): Promise<{ retryAfterSeconds: number } | null> {
    try {
      // A space occurs in neither part.
      await this.limiter.consume(`${tenantId} ${userId}`);
      return null;
    } catch (cause) {
      // The limiter rejects with its count where the limit is passed.
      if (!(cause instanceof RateLimiterRes)) throw cause;
      return { retryAfterSeconds: Math.max(1, Math.ceil(cause.msBeforeNext / MS_PER_SECOND)) };
    }
  }
}
