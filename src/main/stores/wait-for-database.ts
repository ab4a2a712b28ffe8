import { Backoff } from '../../application/runtime/backoff.js';
import type { Logger } from '../../infrastructure/logging/logger.js';
import { probePostgres } from '../../infrastructure/postgres/probe-postgres.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';

export interface DatabaseWait {
  url: string;
  logger: Logger;
  /** Ends the wait: the promise rejects with the reason. */
  signal: AbortSignal;
  /** Called with the reason after each failed attempt. */
  onAway(why: string): void;
}

/**
 * Resolves when the database is available, without a time limit. Rejects with a `StartupError` for a permanent error,
 * such as a wrong password.
 */
export async function waitForDatabase({ url, logger, signal, onAway }: DatabaseWait): Promise<void> {
  const backoff = new Backoff();
  const began = performance.now();
  let hasWaited = false;
  for (;;) {
    const why = await probePostgres(url).catch((error: unknown) =>
      rethrowAsStartupError(error, 'the database cannot be used'),
    );
    signal.throwIfAborted();
    if (why === null) break;
    onAway(why);
    // Logged once, not after each attempt; /readyz shows the current state.
    if (!hasWaited) logger.warn('no database: waiting for it', { why });
    hasWaited = true;
    await backoff.wait(signal);
    signal.throwIfAborted();
  }
  if (hasWaited) logger.info('the database is there: going on', { waitedMs: Math.round(performance.now() - began) });
}
