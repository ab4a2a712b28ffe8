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

  /** How many more the key may, and how long its window still lasts, in milliseconds; a window that has not begun lasts all its time. */
  async room(key: string): Promise<{ left: number; waitMs: number }> {
    const counted = await this.limiter.get(key);
    if (counted === null) return { left: this.limit, waitMs: this.windowMs };
    // The window's end is by the wall clock: one that was set back makes it look farther than it can be.
    const waitMs = Math.min(Math.max(0, counted.msBeforeNext), this.windowMs);
    // One that ends this very moment is over.
    return waitMs === 0
      ? { left: this.limit, waitMs: this.windowMs }
      : { left: Math.max(0, this.limit - counted.consumedPoints), waitMs };
  }

  /** Only as many as there is room for. */
  async take(key: string, count = 1): Promise<void> {
    const { isFirstInDuration } = await this.limiter.consume(key, count);
    if (!isFirstInDuration) return;
    this.begun.delete(key);
    this.begun.add(key);
    if (this.begun.size <= this.keysMax) return;
    const [oldest = key] = this.begun;
    this.begun.delete(oldest);
    await this.limiter.delete(oldest);
  }
}
