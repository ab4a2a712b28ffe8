import { passesByItself } from '../../adapters/stores/prisma/store-errors.js';
import { Backoff } from '../../application/runtime/backoff.js';
import type { Logger } from '../../infrastructure/logging/logger.js';

export interface Insistence {
  logger: Logger;
  /** Ends it, also while nobody answers: it then rejects with its reason. */
  signal: AbortSignal;
  /** After every try that failed: why. */
  onAway?(why: string): void;
}

/**
 * Asks the database something that a start cannot do without, again and again while it fails for what passes by itself.
 * Rejects with anything
 * else, and with the work's own faults.
 */
export async function retryUntilAvailable<T>(
  work: () => Promise<T>,
  { logger, signal, onAway }: Insistence,
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
