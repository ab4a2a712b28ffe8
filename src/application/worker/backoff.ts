import { setTimeout as sleep } from 'node:timers/promises';

export const BACKOFF_FIRST_MS = 50;
export const BACKOFF_MAX_MS = 5_000;

/** Exponential backoff with full jitter, so that a fleet does not knock all at once. Resolves early when `signal` aborts. */
export class Backoff {
  private ceilingMs = BACKOFF_FIRST_MS;

  constructor(private readonly maxMs = BACKOFF_MAX_MS) {}

  reset(): void {
    this.ceilingMs = BACKOFF_FIRST_MS;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const delayMs = Math.random() * this.ceilingMs;
    this.ceilingMs = Math.min(this.ceilingMs * 2, this.maxMs);
    await pause(delayMs, signal);
  }
}

/** Waits, or less if `signal` aborts; never rejects. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
