import { SlowQuery } from '../../../application/ports/queries/slow-query.js';
import { StoreError } from '../../../application/ports/store/command-store.js';
import { TokenKeysUnavailable } from '../../../application/ports/token-verifier.js';
import { CommandUnavailable } from '../../../application/ports/transport/transport.js';
import type { Logger } from '../../../infrastructure/logging/logger.js';
import { SLOW_QUERY_RETRY_AFTER_SECONDS } from './api-settings.js';
import { type Answer, type ProblemDetails, problemAnswer } from './response.js';

/** True for a transient error: a dependency is unavailable, and the same request may succeed later. */
function isPassing(cause: unknown): boolean {
  return (
    cause instanceof CommandUnavailable ||
    cause instanceof TokenKeysUnavailable ||
    (cause instanceof StoreError && cause.kind !== 'refused')
  );
}

/**
 * Logs an exception and converts it to a problem: 503 if transient, 500 for a bug. The problem has no details of it.
 */
export function failureAnswer(
  cause: unknown,
  logger: Logger,
  fields: Record<string, unknown>,
  details: ProblemDetails = {},
): Answer {
  if (cause instanceof SlowQuery) {
    logger.warn('query took too long', { ...fields, error: cause });
    const detail = 'the query took too long; request less, such as one chat or a shorter time range';
    return problemAnswer('unavailable', { detail, retryAfter: SLOW_QUERY_RETRY_AFTER_SECONDS, ...details });
  }
  if (isPassing(cause)) {
    logger.warn('request not answered: dependency unavailable', { ...fields, error: cause });
    return problemAnswer('unavailable', details);
  }
  logger.error('request failed', { ...fields, error: cause });
  return problemAnswer('internal', details);
}
