import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { CallerLimiter } from '../../application/ports/caller-limiter.js';
import type { Caller } from '../../application/ports/queries/chat-queries.js';

const MS_PER_SECOND = 1000;

/** Counts in memory. Each process counts separately. */
export class MemoryCallerLimiter implements CallerLimiter {
  private readonly limiter: RateLimiterMemory;

  constructor({ requests, windowSeconds }: { requests: number; windowSeconds: number }) {
    this.limiter = new RateLimiterMemory({ points: requests, duration: windowSeconds });
  }

  async take({ tenantId, userId }: Caller): Promise<{ retryAfterSeconds: number } | null> {
    try {
      // Neither part contains a space.
      await this.limiter.consume(`${tenantId} ${userId}`);
      return null;
    } catch (cause) {
      // Above the limit, the limiter rejects with its count.
      if (!(cause instanceof RateLimiterRes)) throw cause;
      return { retryAfterSeconds: Math.max(1, Math.ceil(cause.msBeforeNext / MS_PER_SECOND)) };
    }
  }
}
