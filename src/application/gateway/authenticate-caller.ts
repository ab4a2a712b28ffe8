import type { Caller } from '../ports/queries/chat-queries.js';
import type { KeyScope } from '../ports/store/api-keys.js';
import { bearerToken, type TokenVerifier } from '../ports/token-verifier.js';

export type Authentication =
  /** `authorization` is published with the caller's commands: the worker may verify it again (`COMMAND_AUTH`). */
  | {
      outcome: 'authenticated';
      caller: Caller;
      authorization: string;
      expiresAt: Date | null;
      issuedAt: Date | null;
      /** Of an API key. Null: a token, which may be used for everything. */
      keyId: string | null;
      scopes: readonly KeyScope[] | null;
    }
  /** The request has no credentials. */
  | { outcome: 'anonymous' }
  | { outcome: 'refused'; reason: string };

/**
 * Verifies the caller's bearer token.
 * @param authorization the value of the header, as received
 * @throws `TokenKeysUnavailable` while the keys cannot be fetched
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
  const { expiresAt = null, issuedAt = null, keyId = null, scopes = null } = result;
  const authorized = { caller, authorization: `Bearer ${token}`, expiresAt, issuedAt, keyId, scopes };
  return { outcome: 'authenticated', ...authorized };
}
