import type { Request } from 'express';
import type { Caller } from '../../../../application/ports/chat-queries.js';
import { bearerToken, type TokenVerifier } from '../../../../application/ports/token-verifier.js';
import { type Answer, problemAnswer } from '../response.js';

export type Authentication =
  /** `authorization` is what travels with the caller's commands. */
  { caller: Caller; authorization: string } | { refused: Answer };

/** Who calls, proven by the request's bearer token. Rejects with `ProofUnavailable`. */
export async function authenticate(request: Request, proof: TokenVerifier): Promise<Authentication> {
  const { authorization } = request.headers;
  // RFC 6750, section 3.1: without credentials a challenge says nothing of an error.
  if (authorization === undefined)
    return {
      refused: problemAnswer(
        'unauthenticated',
        { detail: 'a bearer token is required' },
        { 'WWW-Authenticate': 'Bearer' },
      ),
    };
  const token = bearerToken(authorization);
  if (token === null) return { refused: problemAnswer('unauthenticated', { detail: 'not a bearer token' }) };
  const result = await proof.verify(token, { graceSeconds: 0 });
  if (!result.ok) return { refused: problemAnswer('unauthenticated', { detail: result.reason }) };
  return { caller: { ...result.actor, token: result.claims }, authorization: `Bearer ${token}` };
}
