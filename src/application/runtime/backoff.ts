import { realTime, type Time } from './time.js';

export const BACKOFF_FIRST_MS = 50;
export const BACKOFF_MAX_MS = 5_000;

/**
 * Exponential backoff with full jitter, so that many workers do not retry at the same moment. Resolves early when
 * `signal` aborts.
 */
export class Backoff {
  private ceilingMs = BACKOFF_FIRST_MS;

  constructor(
    private readonly time: Pick<Time, 'pause' | 'random'> = realTime,
    private readonly maxMs = BACKOFF_MAX_MS,
  ) {}

  reset(): void {
    this.ceilingMs = BACKOFF_FIRST_MS;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const delayMs = this.time.random() * this.ceilingMs;
    this.ceilingMs = Math.min(this.ceilingMs * 2, this.maxMs);
    await this.time.pause(delayMs, signal);
  }
}
