import type { Claims } from '../../domain/user.js';

/** How an actor is proven: by a token that names them. REST and, where policy asks for it, the worker use the same proof. */

export interface ProvenActor {
  tenantId: string;
  userId: string;
}

/** `claims`: what else the token says, for the policy to go by. `reason` is one line fit for an answer; it never holds the token. */
export type TokenVerification = { ok: true; actor: ProvenActor; claims: Claims } | { ok: false; reason: string };

export interface TokenVerifierOptions {
  /** A token that expired by less than this still proves its actor. */
  graceSeconds: number;
  /** Defaults to the present. */
  now?: Date;
}

export interface TokenVerifier {
  /** Rejects with `ProofUnavailable`, and only while the keys to judge by cannot be had: try again. */
  verify(token: string, options: TokenVerifierOptions): Promise<TokenVerification>;
}

export class ProofUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ProofUnavailable';
  }
}

/** The token in an `Authorization` header of the Bearer scheme (RFC 6750, section 2.1); null if it is anything else. */
export function bearerToken(authorization: string): string | null {
  return /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization)?.[1] ?? null;
}
