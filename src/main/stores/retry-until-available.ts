import { passesByItself } from '../../adapters/stores/prisma/store-errors.js';
import { Backoff } from '../../application/runtime/backoff.js';
import type { Logger } from '../../infrastructure/logging/logger.js';

export interface RetryOptions {
  logger: Logger;
  /** Ends the retries, also during an attempt: the promise rejects with the reason. */
  signal: AbortSignal;
  /** Called with the reason after each failed attempt. */
  onAway?(why: string): void;
}

/**
 * Runs a piece of work of the start on the database, with backoff while the error is transient (`passesByItself`).
 * Rejects with any other error.
 */
export async function retryUntilAvailable<T>(
  work: () => Promise<T>,
  { logger, signal, onAway }: RetryOptions,
): Promise<T> {
  const backoff = new Backoff();
  const interrupted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  for (let hasFailed = false; ; hasFailed = true) {
    try {
      return await Promise.race([work(), interrupted]);
    } catch (error) {
      if (signal.aborted || !passesByItself(error)) throw error;
      const { message } = error as Error;
      onAway?.(message);
      if (!hasFailed) logger.warn('the database went away: asking again', { why: message });
    }
    await backoff.wait(signal);
    signal.throwIfAborted();
  }
}
