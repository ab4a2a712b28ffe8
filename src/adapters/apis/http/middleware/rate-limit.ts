import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Caller } from '../../../../application/ports/chat-queries.js';
import type { ApiSettings } from '../api-settings.js';
import { type Answer, problemAnswer } from '../response.js';

/** Bounds how many requests one caller makes within a window. */
export class CallerRateLimit {
  private readonly limiter: RateLimiterMemory;

  constructor({ rateLimitRequests, rateLimitWindowSeconds }: ApiSettings) {
    this.limiter = new RateLimiterMemory({ points: rateLimitRequests, duration: rateLimitWindowSeconds });
  }

  /** Null if the request may go on. */
  async refuse({ tenantId, userId }: Caller): Promise<Answer | null> {
    try {
      // A space occurs in neither part.
      await this.limiter.consume(`${tenantId} ${userId}`);
      return null;
    } catch (cause) {
      // The limiter rejects with its count where the limit is passed.
      if (!(cause instanceof RateLimiterRes)) throw cause;
      return problemAnswer('rate_limited', { retryAfter: Math.max(1, Math.ceil(cause.msBeforeNext / 1000)) });
    }
  }
}
