import { Backoff } from '../../application/runtime/backoff.js';
import type { Logger } from '../../infrastructure/logging/logger.js';
import { probePostgres } from '../../infrastructure/postgres/probe-postgres.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';

export interface DatabaseWait {
  url: string;
  logger: Logger;
  /** Ends the wait, which then rejects with its reason. */
  signal: AbortSignal;
  /** After every try that found nobody: why. */
  onAway(why: string): void;
}

/**
 * Resolves once the database is there, however long it is away. Rejects with a `StartupError` where no waiting helps,
 * e.g. for a wrong password.
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
    // Once, not at every try: /readyz tells how it stands.
    if (!hasWaited) logger.warn('no database: waiting for it', { why });
    hasWaited = true;
    await backoff.wait(signal);
    signal.throwIfAborted();
  }
  if (hasWaited) logger.info('the database is there: going on', { waitedMs: Math.round(performance.now() - began) });
}
