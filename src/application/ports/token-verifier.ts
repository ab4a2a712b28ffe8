import type { Claims } from '../../domain/user.js';
import type { KeyScope } from './store/api-keys.js';

/**
 * Authenticates an actor by a token that names the actor. REST always uses it, and the worker uses it if the policy
 * requires it.
 */

export interface ProvenActor {
  tenantId: string;
  userId: string;
}

/**
 * `claims` are the other claims of the token, for the policy. `expiresAt` is absent if the token does not expire,
 * `issuedAt` if it does not say when it was issued.
 * `reason` is one line for the response and never contains the token.
 */
export type TokenVerification =
  | {
      ok: true;
      actor: ProvenActor;
      claims: Claims;
      expiresAt?: Date;
      issuedAt?: Date;
      /** Of an API key: its id, and what it may be used for. A token may be used for everything. */
      keyId?: string;
      scopes?: readonly KeyScope[];
    }
  | { ok: false; reason: string };

export interface TokenVerifierOptions {
  /** A token that expired by less than this is still accepted. */
  graceSeconds: number;
  /** Defaults to the current time. */
  now?: Date;
}

export interface TokenVerifier {
  /**
   * Rejects only with `TokenKeysUnavailable`, while the verification keys or the revocations are unavailable. The
   * caller may retry.
   */
  verify(token: string, options: TokenVerifierOptions): Promise<TokenVerification>;
}

export class TokenKeysUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TokenKeysUnavailable';
  }
}

/** The token of a Bearer `Authorization` header (RFC 6750, section 2.1). Null for any other value. */
export function bearerToken(authorization: string): string | null {
  return /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization)?.[1] ?? null;
}
