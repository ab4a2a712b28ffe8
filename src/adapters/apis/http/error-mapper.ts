import { StoreError } from '../../../application/ports/command-store.js';
import { SlowQuery } from '../../../application/ports/slow-query.js';
import { ProofUnavailable } from '../../../application/ports/token-verifier.js';
import { CommandUnavailable } from '../../../application/ports/transport.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { SLOW_QUERY_RETRY_AFTER_SECONDS } from './api-settings.js';
import { type Answer, type ProblemDetails, problemAnswer } from './response.js';

/** True for what passes by itself: a dependency is away, and the same request may succeed later. */
function isPassing(cause: unknown): boolean {
  return (
    cause instanceof CommandUnavailable ||
    cause instanceof ProofUnavailable ||
    (cause instanceof StoreError && cause.kind !== 'refused')
  );
}

/**
 * An exception as a problem: 503 for what passes, 500 for a bug, neither with anything of the exception in it. Logged.
 */
export function failureAnswer(
  cause: unknown,
  logger: Logger,
  fields: Record<string, unknown>,
  details: ProblemDetails = {},
): Answer {
  if (cause instanceof SlowQuery) {
    logger.warn('query took too long', { ...fields, error: cause });
    const detail = 'the query took too long: ask for less, for one chat or a shorter time for instance';
    return problemAnswer('unavailable', { detail, retryAfter: SLOW_QUERY_RETRY_AFTER_SECONDS, ...details });
  }
  if (isPassing(cause)) {
    logger.warn('a request could not be answered for now', { ...fields, error: cause });
    return problemAnswer('unavailable', details);
  }
  logger.error('a request failed', { ...fields, error: cause });
  return problemAnswer('internal', details);
}
