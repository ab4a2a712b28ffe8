import type { Caller } from '../ports/chat-queries.js';
import { bearerToken, type TokenVerifier } from '../ports/token-verifier.js';

export type Authentication =
  /** `authorization` goes with the caller's commands: the worker may verify it again (`COMMAND_AUTH`). */
  | { outcome: 'authenticated'; caller: Caller; authorization: string }
  /** There are no credentials at all. */
  | { outcome: 'anonymous' }
  | { outcome: 'refused'; reason: string };

/**
 * Verifies the caller's bearer token.
 * @param authorization the header's value, as it came
 * @throws `ProofUnavailable` while the keys cannot be fetched
 */
export async function authenticateCaller(
  authorization: string | undefined,
  verifier: TokenVerifier,
): Promise<Authentication> {
  if (authorization === undefined) return { outcome: 'anonymous' };
  const token = bearerToken(authorization);
  if (token === null) return { outcome: 'refused', reason: 'not a bearer token' };
  const result = await verifier.verify(token, { graceSeconds: 0 });
  if (!result.ok) return { outcome: 'refused', reason: result.reason };
  const caller = { ...result.actor, token: result.claims };
  return { outcome: 'authenticated', caller, authorization: `Bearer ${token}` };
}
