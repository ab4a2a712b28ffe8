import { RateLimiterMemory } from 'rate-limiter-flexible';

/**
 * One quota's counts: for each key a window, which begins with the first command and ends with its time; the library forgets it then, by a
 * timer that keeps no process alive.
 */
export class WindowCounts {
  private readonly limiter: RateLimiterMemory;
  /** Keys in the order in which their windows began; some of these windows are over. */
  private readonly begun = new Set<string>();

  /** `keysMax`: past so many the oldest window is forgotten before its time, and its key begins anew. */
  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
    private readonly keysMax: number,
  ) {
    this.limiter = new RateLimiterMemory({ points: limit, duration: windowMs / 1000, keyPrefix: '' });
  }

  /** How long there is no room for the key, in milliseconds; 0: there is. */
  async waitMs(key: string): Promise<number> {
    const counted = await this.limiter.get(key);
    if (counted === null || counted.consumedPoints < this.limit) return 0;
    // The window's end is by the wall clock: one that was set back makes it look farther than it can be.
    return Math.min(Math.max(0, counted.msBeforeNext), this.windowMs);
  }

  /** Only where there is room. */
  async take(key: string): Promise<void> {
    const { isFirstInDuration } = await this.limiter.consume(key);
    if (!isFirstInDuration) return;
    this.begun.delete(key);
    this.begun.add(key);
    if (this.begun.size <= this.keysMax) return;
    const [oldest = key] = this.begun;
    this.begun.delete(oldest);
    await this.limiter.delete(oldest);
  }
}
